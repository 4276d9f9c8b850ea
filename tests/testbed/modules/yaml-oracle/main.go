// Command yaml-oracle says what Kubernetes' YAML parser makes of documents.
//
// It owns: reading one JSON string a line, each a YAML document, and writing one line of JSON for each. It refuses:
// judging the answer; that is for the tests.
//
// An answer holds "json", what sigs.k8s.io/yaml converts the document to, and "typed", the same tree as the parser
// below it sees it, in which every number says whether it is an integer or a float: JSON alone does not tell 1 from
// 1.0. A document that is refused is answered with "error".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	goyaml "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

type answer struct {
	JSON  json.RawMessage `json:"json,omitempty"`
	Typed any             `json:"typed,omitempty"`
	Error string          `json:"error,omitempty"`
}

func main() {
	questions := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := bufio.NewWriter(os.Stdout)
	answers := json.NewEncoder(out)
	answers.SetEscapeHTML(false)
	for questions.More() {
		var document string
		if err := questions.Decode(&document); err != nil {
			fmt.Fprintln(os.Stderr, "yaml-oracle: not a JSON string:", err)
			os.Exit(2)
		}
		if err := answers.Encode(read(document)); err != nil {
			os.Exit(2)
		}
		if err := out.Flush(); err != nil {
			os.Exit(2)
		}
	}
}

func read(document string) answer {
	converted, err := yaml.YAMLToJSONStrict([]byte(document))
	if err != nil {
		return answer{Error: err.Error()}
	}
	var tree any
	if err := goyaml.UnmarshalStrict([]byte(document), &tree); err != nil {
		return answer{Error: err.Error()}
	}
	typed, err := describe(tree)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{JSON: converted, Typed: typed}
}

// describe writes maps and lists as JSON's, and every scalar as a list of its type and its text.
func describe(value any) (any, error) {
	switch value := value.(type) {
	case map[any]any:
		described := map[string]any{}
		for key, inner := range value {
			name, isText := key.(string)
			if !isText {
				return nil, fmt.Errorf("the key %v is a %T", key, key)
			}
			inside, err := describe(inner)
			if err != nil {
				return nil, err
			}
			described[name] = inside
		}
		return map[string]any{"map": described}, nil
	case []any:
		described := []any{}
		for _, inner := range value {
			inside, err := describe(inner)
			if err != nil {
				return nil, err
			}
			described = append(described, inside)
		}
		return map[string]any{"list": described}, nil
	case nil:
		return []string{"null", ""}, nil
	case bool:
		return []string{"bool", strconv.FormatBool(value)}, nil
	case int, int64, uint64:
		return []string{"int", fmt.Sprint(value)}, nil
	case float64:
		return []string{"float", strconv.FormatFloat(value, 'g', -1, 64)}, nil
	case string:
		return []string{"string", value}, nil
	}
	return nil, fmt.Errorf("a value is a %T", value)
}
