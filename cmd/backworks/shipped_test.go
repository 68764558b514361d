package main

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"gopkg.in/yaml.v3"
)

// What the image, the compose file and the Makefile call must be there.
func TestShippedCommandLines(t *testing.T) {
	t.Parallel()
	var compose struct {
		Services map[string]struct {
			Command     []string
			Image       string
			HealthCheck struct{ Test []string }
		}
	}
	if err := yaml.Unmarshal(text(t, "docker-compose.yaml"), &compose); err != nil {
		t.Fatal(err)
	}
	lines := [][]string{regexp.MustCompile(`\s+`).Split(string(find(t, "Makefile", `bin/backworks (start .*)`)), -1)}
	var image []string
	if err := json.Unmarshal(find(t, "Dockerfile", `(?m)^CMD (\[.*\])`), &image); err != nil {
		t.Fatal(err)
	}
	lines = append(lines, image)
	for _, service := range compose.Services {
		if service.Image == "backworks" {
			lines = append(lines, service.Command)
		}
		if test := service.HealthCheck.Test; len(test) > 2 {
			lines = append(lines, test[2:])
		}
	}
	if len(lines) < 6 {
		t.Fatalf("only %d command lines were found", len(lines))
	}
	for _, line := range lines {
		root := rootCommand()
		c, rest, err := root.Find(line)
		if err == nil && c == root {
			t.Errorf("%q: no such command", line)
			continue
		}
		if err == nil {
			err = c.ParseFlags(rest)
		}
		if err == nil {
			err = c.ValidateArgs(c.Flags().Args())
		}
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func text(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// find gives what the group of the pattern matches in a file.
func find(t *testing.T, file, pattern string) []byte {
	t.Helper()
	match := regexp.MustCompile(pattern).FindSubmatch(text(t, file))
	if match == nil {
		t.Fatalf("%s has no %s", file, pattern)
	}
	return match[1]
}
