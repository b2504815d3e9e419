package main

import (
	"io"
	"maps"
	"strings"
	"testing"

	"customs.example/gateway/line"
)

func TestOptionsAreReadStrictly(t *testing.T) {
	for args, want := range map[string]string{
		"": "give -config FILE", "-config a b": "give -config FILE", "-config a -all -3": "want a percentage", "-config a -all NaN": "want a percentage",
		"-config a -duplicate 100.5": "-duplicate 100.5", "-config a -pause 1m": "-pause 1m0s", "-config a -late -1s": "-late -1s",
		"-config a -seed -1": "invalid value", "-config a -sleep 5": "flag provided but not defined",
	} {
		if _, err := readOptions(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
	o, err := readOptions(strings.Fields("-config a -all 10 -delay 0 -bit-flip 100"), io.Discard)
	want := line.Each(0.1)
	want[line.Delay], want[line.BitFlip] = 0, 1
	if err != nil || !maps.Equal(o.odds, want) || o.seed == 0 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err = readOptions(strings.Fields("-config a -seed 9"), io.Discard); err != nil || !maps.Equal(o.odds, line.Each(0.05)) || o.seed != 9 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestOnlyThisMachineIsListenedOn(t *testing.T) {
	for address, here := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "0.0.0.0:1": false, ":1": false, "10.0.0.1:1": false, "example.org:1": false, "127.0.0.1": false,
	} {
		if err := onlyHere(address); (err == nil) != here {
			t.Errorf("%s: %v", address, err)
		}
	}
}
