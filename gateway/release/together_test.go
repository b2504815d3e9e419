package release_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/release"
)

// onward are routes of one office: to Kazakhstan whatever the destination, and with Russia as the second
// addressee what is bound for there.
func onward() map[string]string {
	to := func(name, to, more string) string {
		return strings.NewReplacer("route: cn-ru\n", "route: "+name+"\n", "to: RU\n", "to: "+to+"\n", "purpose:", more+"purpose:").Replace(route)
	}
	return map[string]string{
		"routes/any.yaml":    to("any", "KZ", ""),
		"routes/onward.yaml": to("onward", "KZ", "destinations: [RU]\nalso: second\n"),
		"routes/second.yaml": to("second", "RU", "destinations: [RU]\n"),
	}
}

func loadOnward(t *testing.T, files map[string]string) (*release.Routes, error) {
	t.Helper()
	fsys, lib, _ := world(t, route)
	for name := range fsys {
		if strings.HasPrefix(name, "routes/") && !strings.Contains(strings.TrimPrefix(name, "routes/"), "/") {
			delete(fsys, name)
		}
	}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return release.Load(fsys, lib)
}

// The route of a second addressee is taken by itself only where its sender names that one alone.
func TestTheRouteOfASecondAddresseeIsNotTakenByItself(t *testing.T) {
	routes, err := loadOnward(t, onward())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		to   []gateway.Administration
		want []string
	}{
		{nil, []string{"any", "onward"}},
		{[]gateway.Administration{"KZ"}, []string{"any", "onward"}},
		{[]gateway.Administration{"KZ", "RU"}, []string{"any", "onward"}},
		{[]gateway.Administration{"RU"}, []string{"second"}},
	} {
		var got []string
		for _, rt := range routes.Find(release.Query{From: "CN", Office: "0603", Kind: "PreArrivalNotice", To: tt.to, At: at}) {
			got = append(got, rt.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("to %v: %v, want %v", tt.to, got, tt.want)
		}
	}
	for name, want := range map[string][]gateway.Administration{"any": {"KZ"}, "onward": {"KZ", "RU"}, "second": {"RU", "KZ"}} {
		if rt, _ := routes.Route(name); !slices.Equal(routes.Addressees(rt), want) {
			t.Errorf("%s has to reach %v", name, routes.Addressees(rt))
		}
	}
	rt, _ := routes.Route("onward")
	for _, tt := range []struct {
		to     gateway.Administration
		office string
		leads  bool
	}{{"RU", "", true}, {"RU", "10799010", true}, {"KZ", "", false}} {
		if got := rt.LeadsTo(tt.to, tt.office); got != tt.leads {
			t.Errorf("it leads to %s %s: %v", tt.to, tt.office, got)
		}
	}
}

// What routes say of each other is checked where they are loaded, and every mistake is told at its line.
func TestRoutesThatDoNotGoTogether(t *testing.T) {
	at := func(files map[string]string, name, text string) string { // file and line of a text
		before, _, ok := strings.Cut(files[name], text)
		if !ok {
			t.Fatalf("%s does not say %s", name, text)
		}
		return strings.TrimPrefix(name, "routes/") + ":" + strconv.Itoa(strings.Count(before, "\n")+1) + ": "
	}
	for name, tt := range map[string]struct {
		edit  map[string][]string // of each file, what in the place of what
		where [2]string
		want  string
	}{
		"an unknown route": {map[string][]string{"routes/onward.yaml": {"also: second", "also: nobody"}}, [2]string{"routes/onward.yaml", "also:"}, "there is no route nobody"},
		"itself":           {map[string][]string{"routes/onward.yaml": {"also: second", "also: onward"}}, [2]string{"routes/onward.yaml", "also:"}, "is another than the first"},
		"a circle":         {map[string][]string{"routes/second.yaml": {"purpose:", "also: onward\npurpose:"}}, [2]string{"routes/onward.yaml", "also:"}, "second has a second addressee itself"},
		"the same addressee": {
			map[string][]string{"routes/second.yaml": {"to: RU\n", "to: KZ\n", "destinations: [RU]\n", ""}}, [2]string{"routes/onward.yaml", "also:"}, "second leads to KZ too",
		},
		"another sender": {map[string][]string{"routes/second.yaml": {"from: CN\n", "from: MN\n"}}, [2]string{"routes/onward.yaml", "also:"}, "second differs in from"},
		"another moment": {map[string][]string{"routes/second.yaml": {"release: on-complete", "release: gate-out"}}, [2]string{"routes/onward.yaml", "also:"}, "or release"},
		"another office": {map[string][]string{"routes/second.yaml": {`code: "0603"`, `code: "9402"`}}, [2]string{"routes/onward.yaml", "also:"}, "does not serve the office 0603"},
		"two of a destination": {
			map[string][]string{"routes/any.yaml": {"purpose:", "destinations: [RU/10799010]\npurpose:"}}, [2]string{"routes/onward.yaml", "destinations:"}, "any leads to RU too",
		},
		"a destination twice":        {map[string][]string{"routes/onward.yaml": {"[RU]", "[RU, RU]"}}, [2]string{"routes/onward.yaml", "destinations:"}, "destination RU twice"},
		"a destination that is none": {map[string][]string{"routes/onward.yaml": {"[RU]", "[Russia]"}}, [2]string{"routes/onward.yaml", "destinations:"}, `destination "Russia"`},
	} {
		files := maps.Clone(onward())
		for file, edit := range tt.edit {
			files[file] = strings.NewReplacer(edit...).Replace(files[file])
		}
		_, err := loadOnward(t, files)
		if want := at(files, tt.where[0], tt.where[1]); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s … %s", name, err, want, tt.want)
		}
	}
}
