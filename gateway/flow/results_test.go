package flow_test

import (
	"fmt"
	"slices"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
)

// Every result that the list of results knows can be said, by our code or by Russia's, and is read as
// what it was said to be.
func TestEveryResultCanBeAnswered(t *testing.T) {
	w, b := newPair(t, "RU"), borders[0]
	m, _ := w.announced(b, tripOf(1, w))
	w.send(b)
	form, _ := w.cn.Chain.Tables.Table("ru/notif-pi-result.v1")
	lists := w.cn.Chain.Tables.Lists()
	list, ok := lists.List("answer-result")
	if !ok || len(list.Codes) < 8 {
		t.Fatalf("%d results", len(list.Codes))
	}
	said := 0
	for _, c := range list.Codes {
		theirs, err := lists.Translate("answer-result", form.System(), c.Code, w.clock.Now(), codelist.Encode)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range slices.Compact([]string{c.Code, theirs.Code}) {
			said++
			id := fmt.Sprint("A", said)
			w.answers(b, id, m.DocumentID, fmt.Sprintf(`"status": "PENDING", "systemId": "S1", "results": [{"code": %q, "descriptions": ["..."]}]`, code))
			s, err := w.ru.Store.Read().Submission(t.Context(), b.entry.Office, id)
			if err != nil || s.State != gateway.Sent {
				t.Fatalf("%s is %s: %v, %v", code, s.State, s.Faults.Report("en"), err)
			}
			answers := w.message(m.ID).Answers
			if len(answers) != said || answers[said-1].Results[0].Meaning != c.Code {
				t.Errorf("%s, said as %s, is read as %+v", c.Code, code, answers[len(answers)-1].Results)
			}
		}
	}
}
