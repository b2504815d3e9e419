package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"customs.example/gateway"
	exchangev1 "customs.example/gateway/api/exchange/v1"
	"customs.example/gateway/event"
)

// raw sends bytes as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (raw) Unmarshal([]byte, any) error   { return nil }
func (raw) Name() string                  { return "proto" }

// roleFor is a role that may call a method.
func roleFor(t *testing.T, name string) string {
	t.Helper()
	for _, role := range []Role{Post, System, Supervisor, Operator, Analyst, Auditor, Partner} {
		if slices.Contains(Roles[role], RightOf("/exchange.v1."+name)) {
			return string(role)
		}
	}
	t.Fatalf("nobody may call %s", name)
	return ""
}

// roleWithout is a role that may not call a method.
func roleWithout(name string) string {
	for _, role := range []Role{Analyst, Auditor} {
		if !slices.Contains(Roles[role], RightOf("/exchange.v1."+name)) {
			return string(role)
		}
	}
	return ""
}

// badTexts are no UTF-8, and a text that not every database keeps: as they are, in a path or
// a query, and in JSON.
var badTexts = []struct {
	text, escaped, json string
	code                gateway.Code
}{
	{"a\xffb", "a%ffb", "a\xffb", gateway.JSONUTF8},
	{"a\x00b", "a%00b", `a\u0000b`, gateway.JSONCharacter},
}

// TestParallelTextThatIsNoneIsRefused: in every field of every RPC, at both doors, as a mistake of
// the caller's and with a code; who has no right to call is told that and no more.
func TestParallelTextThatIsNoneIsRefused(t *testing.T) {
	h := newHouse(t)
	for _, bad := range badTexts {
		testTextThatIsNone(t, h, bad.text, bad.escaped, bad.json, bad.code)
	}
	// Garbage that is no message at all, and a language that no header holds.
	var answer []byte
	if err := h.grpc["post"].Invoke(t.Context(), methods()[0], []byte{0xff, 0xff, 0xff}, &answer, grpc.ForceCodec(raw{})); status.Code(err) != codes.InvalidArgument {
		t.Errorf("garbage: %v", err)
	}
	for _, lang := range []string{"zh\xff", "中文", "a\tb"} {
		r, err := http.NewRequest(http.MethodGet, h.rest+"/v1/submissions", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", lang)
		answer, err := h.web["post"].Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("the language %q: %s", lang, answer.Status)
		}
	}
	// Each is told once, and quotes nothing.
	if names := h.told.names(); slices.Contains(names, event.InternalError) || slices.Contains(names, event.CallBroke) || !slices.Contains(names, event.CallRefused) {
		t.Errorf("told: %v", names)
	}
}

func testTextThatIsNone(t *testing.T, h *house, text, escaped, inJSON string, code gateway.Code) {
	t.Helper()
	fields := 0
	for _, m := range methods() {
		name := strings.TrimPrefix(m, "/exchange.v1.")
		d := method(name)
		for i := range d.Input().Fields().Len() {
			f := d.Input().Fields().Get(i)
			if f.Kind() != protoreflect.StringKind {
				continue
			}
			fields++
			wire := protowire.AppendString(protowire.AppendTag(nil, f.Number(), protowire.BytesType), text)
			for as, want := range map[string]codes.Code{roleFor(t, name): codes.InvalidArgument, roleWithout(name): codes.PermissionDenied} {
				var err error
				if d.IsStreamingServer() {
					s, serr := h.grpc[as].NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, m, grpc.ForceCodec(raw{}))
					if serr != nil || s.SendMsg(wire) != nil || s.CloseSend() != nil {
						t.Fatal(serr)
					}
					var answer []byte
					err = s.RecvMsg(&answer)
				} else {
					var answer []byte
					err = h.grpc[as].Invoke(t.Context(), m, wire, &answer, grpc.ForceCodec(raw{}))
				}
				if status.Code(err) != want || want == codes.InvalidArgument && !strings.Contains(err.Error(), string(code)) {
					t.Errorf("%s.%s by a %s: %v", name, f.Name(), as, err)
				}
			}
			rule, _ := proto.GetExtension(d.Options(), annotations.E_Http).(*annotations.HttpRule)
			if rule == nil {
				continue
			}
			verb, path := http.MethodGet, rule.GetGet()
			var body io.Reader
			query := ""
			if rule.GetPost() != "" {
				verb, path = http.MethodPost, rule.GetPost()
			}
			if rule.GetPut() != "" {
				verb, path = http.MethodPut, rule.GetPut()
			}
			in := "{" + string(f.Name()) + "}"
			switch {
			case strings.Contains(path, in):
				path = strings.ReplaceAll(path, in, escaped)
			case verb == http.MethodGet:
				query = "?" + f.JSONName() + "=" + escaped
			case f.IsList():
				body = strings.NewReader(`{"` + f.JSONName() + `": ["` + inJSON + `"]}`)
			default:
				body = strings.NewReader(`{"` + f.JSONName() + `": "` + inJSON + `"}`)
			}
			for i := range d.Input().Fields().Len() {
				path = strings.ReplaceAll(path, "{"+string(d.Input().Fields().Get(i).Name())+"}", "x")
			}
			if got := h.send(roleFor(t, name), verb, path+query, body, 0, d.Output()); !strings.HasPrefix(got.code, "400") {
				t.Errorf("%s.%s at REST: %s %s", name, f.Name(), got.code, got.whole)
			}
		}
	}
	if fields < 20 {
		t.Errorf("only %d fields", fields)
	}
}

// TestParallelCallsThatAreNotThere are denied to whoever has no right to them, which is everybody.
func TestParallelCallsThatAreNotThere(t *testing.T) {
	h := newHouse(t)
	for as, want := range map[string]gateway.Code{"post": gateway.RightMissing, "unbound": gateway.CallerUnknown} {
		var answer []byte
		err := h.grpc[as].Invoke(t.Context(), "/exchange.v1.Nothing/Nothing", []byte{}, &answer, grpc.ForceCodec(raw{}))
		if status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), string(want)) {
			t.Errorf("%s: %v", as, err)
		}
	}
}

// TestParallelPageTokens are good for the caller and the question that they were given for, and
// whatever else comes as one is refused in the same words.
func TestParallelPageTokens(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		h.submission("0603")
		h.submission("9402")
	}
	for range 3 {
		h.inbound(gateway.Accepted)
		h.movement("0603", ownUnit)
		h.movement("9402", foreignUnit)
	}
	list := func(as string, r *exchangev1.ListSubmissionsRequest) (*exchangev1.ListSubmissionsResponse, error) {
		return exchangev1.NewSubmissionServiceClient(h.grpc[as]).List(t.Context(), r)
	}
	// A list goes on to its end, whatever the sizes of its pages.
	seen, token := 0, ""
	for size := int32(1); ; size++ {
		r, err := list("post", &exchangev1.ListSubmissionsRequest{PageSize: size, PageToken: token, Batch: "B-0603"})
		if err != nil {
			t.Fatal(err)
		}
		seen += len(r.Submissions)
		if token = r.NextPageToken; token == "" {
			break
		}
	}
	if seen != 5 {
		t.Errorf("the pages show %d of 5", seen)
	}
	first, err := list("post", &exchangev1.ListSubmissionsRequest{PageSize: 1})
	if err != nil || first.NextPageToken == "" {
		t.Fatal(first, err)
	}
	good := first.NextPageToken
	var refusals []string
	refuse := func(what string, err error) {
		t.Helper()
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
		refusals = append(refusals, strings.Join(strings.Fields(protojson.Format(status.Convert(err).Proto())), " "))
	}
	plain, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	tampered := []string{"7", "-1", "AAAA", good + "A", good[1:], good + "=", strings.Repeat("A", 1<<16), base64.RawURLEncoding.EncodeToString(make([]byte, len(plain)))}
	for i := range plain {
		b := bytes.Clone(plain)
		b[i] ^= 1
		tampered = append(tampered, base64.RawURLEncoding.EncodeToString(b))
	}
	for _, token := range tampered {
		_, err := list("post", &exchangev1.ListSubmissionsRequest{PageToken: token})
		refuse(fmt.Sprintf("%.50q", token), err)
	}
	_, err = list("system", &exchangev1.ListSubmissionsRequest{PageToken: good})
	refuse("another caller's", err)
	_, err = list("post", &exchangev1.ListSubmissionsRequest{PageToken: good, Batch: "B-9402"})
	refuse("another filter's", err)
	_, err = exchangev1.NewMovementServiceClient(h.grpc["post"]).Find(t.Context(), &exchangev1.FindMovementsRequest{Text: ownUnit, PageToken: good})
	refuse("another list's", err)
	_, err = exchangev1.NewInboxServiceClient(h.grpc["system"]).List(t.Context(), &exchangev1.ListInboxRequest{PageToken: good})
	refuse("the inbox's", err)
	_, err = exchangev1.NewInboxServiceClient(h.grpc["operator"]).Parked(t.Context(), &exchangev1.ListParkedRequest{PageToken: good})
	refuse("the operator's", err)
	slices.Sort(refusals)
	if all := slices.Compact(refusals); len(all) != 1 {
		t.Errorf("there are %d ways to refuse a token: %v", len(all), all)
	}
	if got := h.send("post", http.MethodGet, "/v1/submissions?pageToken="+url.QueryEscape(good), nil, 0, method("SubmissionService/List").Output()); !strings.HasPrefix(got.code, "200") {
		t.Errorf("the same caller at REST: %s", got.code)
	}
	// Neither the pages nor their ends show that there are movements of others.
	h.movement("9402", ownUnit) // the same container, at another post
	found, token := 0, ""
	for page := 0; page < 10; page++ {
		r, err := exchangev1.NewMovementServiceClient(h.grpc["post"]).Find(t.Context(), &exchangev1.FindMovementsRequest{Text: ownUnit, PageSize: 1, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		found += len(r.Movements)
		if len(r.Movements) == 0 {
			t.Error("an empty page")
		}
		if token = r.NextPageToken; token == "" {
			break
		}
	}
	if found == 0 || token != "" {
		t.Errorf("%d movements are found, and the list does not end: %q", found, token)
	}
	for name, r := range map[string]*exchangev1.ListMovementsRequest{
		"all": {}, "by text": {Text: ownUnit}, "by state": {State: "arrived unannounced"}, "by span": {ExpectedFrom: timestamppb.New(time.Unix(0, 0))},
	} {
		movementPages(t, h, name, r)
	}
}

// movementPages walks a list of movements: a token tells nobody anything, is good for this caller and
// this list, and leads to no empty page where only others' movements follow.
func movementPages(t *testing.T, h *house, name string, r *exchangev1.ListMovementsRequest) {
	post, system := exchangev1.NewMovementServiceClient(h.grpc["post"]), exchangev1.NewMovementServiceClient(h.grpc["system"])
	r.PageSize = 1
	all, err := system.List(t.Context(), &exchangev1.ListMovementsRequest{PageSize: MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for pages := 0; ; pages++ {
		page, err := post.List(t.Context(), r)
		if err != nil || pages > 20 {
			t.Fatal(name, pages, err)
		}
		shown += len(page.Movements)
		if len(page.Movements) == 0 && r.Text != "" {
			t.Errorf("%s: an empty page", name)
		}
		if r.PageToken = page.NextPageToken; r.PageToken == "" {
			break
		}
		said, err := base64.RawURLEncoding.DecodeString(r.PageToken)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all.Movements {
			for _, secret := range []string{m.MovementId, gateway.FoldID(m.MovementId), "Commit", "Key"} {
				if bytes.Contains(said, []byte(secret)) {
					t.Errorf("%s: the token says %q", name, secret)
				}
			}
		}
		other := proto.Clone(r).(*exchangev1.ListMovementsRequest)
		other.Kind = "Answer"
		for what, call := range map[string]func() error{
			"another caller's": func() error { _, err := system.List(t.Context(), r); return err },
			"another filter's": func() error { _, err := post.List(t.Context(), other); return err },
			"another search's": func() error {
				_, err := post.Find(t.Context(), &exchangev1.FindMovementsRequest{Text: ownUnit, PageToken: r.PageToken})
				return err
			},
		} {
			if err := call(); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), string(gateway.PageToken)) {
				t.Errorf("%s: %s token: %v", name, what, err)
			}
		}
	}
	if shown == 0 && r.ExpectedFrom == nil {
		t.Errorf("%s: nothing is listed", name)
	}
}

// TestParallelWhatIsOthersIsAskedForLikeWhatIsNotThere counts what the database is asked: the same for a movement of
// another office as for one that is not there.
func TestParallelWhatIsOthersIsAskedForLikeWhatIsNotThere(t *testing.T) {
	h := newHouse(t)
	h.movement("0603", ownUnit)
	theirs := h.movement("9402", foreignUnit)
	post := exchangev1.NewMovementServiceClient(h.grpc["post"])
	asked := func(call func() error) map[string]int64 {
		t.Helper()
		before := h.flow.Store.Asked()
		if err := call(); err != nil && status.Code(err) != codes.NotFound {
			t.Fatal(err)
		}
		after := h.flow.Store.Asked()
		for query, n := range before {
			if after[query] -= n; after[query] == 0 {
				delete(after, query)
			}
		}
		return after
	}
	for name, call := range map[string]func(id, text string) error{
		"get": func(id, _ string) error {
			_, err := post.Get(t.Context(), &exchangev1.GetMovementRequest{MovementId: id})
			return err
		},
		"timeline": func(id, _ string) error {
			_, err := post.Timeline(t.Context(), &exchangev1.TimelineRequest{MovementId: id})
			return err
		},
		"announced": func(id, _ string) error {
			_, err := post.Announced(t.Context(), &exchangev1.AnnouncedRequest{MovementId: id})
			return err
		},
		"open": func(id, _ string) error {
			_, err := post.Open(t.Context(), &exchangev1.OpenMovementRequest{MovementId: id, Reason: "it stands here"})
			return err
		},
		"find": func(_, text string) error {
			_, err := post.Find(t.Context(), &exchangev1.FindMovementsRequest{Text: text})
			return err
		},
		"list": func(_, text string) error {
			_, err := post.List(t.Context(), &exchangev1.ListMovementsRequest{Text: text})
			return err
		},
		"elsewhere": func(_, text string) error {
			_, err := post.Elsewhere(t.Context(), &exchangev1.ElsewhereRequest{Text: text, Reason: "it stands here"})
			return err
		},
	} {
		call(h.fresh(), unknownUnit) // what is asked for the first time alone
		foreign := asked(func() error { return call(theirs, foreignUnit) })
		unknown := asked(func() error { return call(h.fresh(), unknownUnit) })
		if diff := gocmp.Diff(unknown, foreign); diff != "" || len(unknown) == 0 {
			t.Errorf("%s asks the database otherwise (-unknown +foreign):\n%s", name, diff)
		}
	}
}
