package main

import (
	"os"
	"strings"
	"time"
)

// clockVariable names what of the environment names a file that says by how much the clock is wrong, such as -10m,
// from the moment that it says so. It is empty but in a gateway that is linked for torture (make torture), and
// nothing is looked for.
var clockVariable string

// clock is the gateway's.
func clock() func() time.Time {
	if clockVariable == "" {
		return time.Now
	}
	file := os.Getenv(clockVariable)
	return func() time.Time {
		raw, err := os.ReadFile(file)
		if err != nil {
			return time.Now()
		}
		ahead, err := time.ParseDuration(strings.TrimSpace(string(raw)))
		if err != nil {
			return time.Now()
		}
		return time.Now().Round(0).Add(ahead) // as a clock that is set: it is not monotonic
	}
}
