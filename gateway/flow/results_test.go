package flow_test

import (
	"fmt"
	"testing"

	"customs.example/gateway"
	"customs.example/gateway/codelist"
)

// Every result that the list of results knows can be said in Russia's form, and is read as what it
// was said to be.
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
	for i, c := range list.Codes {
		said, err := lists.Translate("answer-result", form.System(), c.Code, w.clock.Now(), codelist.Encode)
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint("A", i)
		w.answers(b, id, m.DocumentID, fmt.Sprintf(`"status": "PENDING", "systemId": "S1", "results": [{"code": %q, "descriptions": ["..."]}]`, said.Code))
		s, err := w.ru.Store.Read().Submission(t.Context(), b.entry.Office, id)
		if err != nil || s.State != gateway.Sent {
			t.Fatalf("%s is %s: %v, %v", c.Code, s.State, s.Faults.Report("en"), err)
		}
		answers := w.message(m.ID).Answers
		if len(answers) != i+1 || answers[i].Results[0].Meaning != c.Code {
			t.Errorf("%s, said as %s, is read as %+v", c.Code, said.Code, answers[len(answers)-1].Results)
		}
	}
}
