package gateway

import "testing"

func TestSameOffice(t *testing.T) {
	for _, tt := range []struct {
		a, b Office
		want bool
	}{
		{Office{"KZ", "39899001"}, Office{"KZ", "99001"}, true},
		{Office{"", "39899001"}, Office{"KZ", "99001"}, true},
		{Office{"", "39899001"}, Office{"", "99001"}, true},
		{Office{"KG", "41799001"}, Office{"KG", "99001"}, true},
		{Office{"KZ", "398-99001"}, Office{"", "３９８ 99001"}, true},
		{Office{"CN", "0603"}, Office{"", "0603"}, true},
		{Office{"RU", "10719110"}, Office{"RU", "10719110"}, true},
		// Five digits are an end of eight only behind a country's number.
		{Office{"RU", "10719110"}, Office{"RU", "19110"}, false},
		{Office{"", "10719110"}, Office{"KZ", "19110"}, false},
		{Office{"", "41799001"}, Office{"KZ", "99001"}, false},
		{Office{"KZ", "39899001"}, Office{"CN", "99001"}, false},
		{Office{"", "39899001"}, Office{"", "9001"}, false},
		{Office{"CN", "0603"}, Office{"CN", "603"}, false},
		{Office{"CN", "0603"}, Office{"MN", "0603"}, false},
		{Office{"", ""}, Office{"", ""}, false},
	} {
		if got := tt.a.Same(tt.b); got != tt.want {
			t.Errorf("%v and %v: %v, want %v", tt.a, tt.b, got, tt.want)
		}
		if got := tt.b.Same(tt.a); got != tt.want {
			t.Errorf("%v and %v, the other way round: %v, want %v", tt.b, tt.a, got, tt.want)
		}
	}
}
