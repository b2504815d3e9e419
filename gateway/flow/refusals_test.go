package flow

import (
	"strconv"
	"testing"
	"time"

	"customs.example/gateway"
)

// What was counted for the others together is told of them, never of the caller who comes
// after the interval.
func TestRefusalsOfOthersAreToldOfNobody(t *testing.T) {
	var r refusals
	at := time.Unix(0, 0)
	for i := range maxRefusals {
		r.count(refusalKey{"caller " + strconv.Itoa(i), gateway.XMLMalformed}, gateway.Digest{}, at)
	}
	for range 3 {
		r.count(refusalKey{"one more", gateway.XMLMalformed}, gateway.Digest{}, at)
	}
	late := refusalKey{"another", gateway.XMLMalformed}
	first, by, before := r.count(late, gateway.Digest{}, at.Add(RefusalInterval))
	if !first || by.caller != "others" || before.more != 2 {
		t.Errorf("first %t, %d more of %q", first, before.more, by.caller)
	}
}
