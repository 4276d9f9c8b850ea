//go:build tools

// Package tools names the commands that the testbed builds, so that go.mod and go.sum pin all they need.
package tools

import (
	_ "code.gitea.io/gitea"
)
