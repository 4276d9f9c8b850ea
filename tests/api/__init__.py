"""The API over a real database and repository, as the platform's page and scripts use it."""
