package xsd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// officialDir is the directory with the official files, which are not ours to publish: official/ holds schemas by
// administration and release, samples/ holds documents.
func officialDir(t *testing.T) string {
	dir := os.Getenv("CUSTOMS_OFFICIAL")
	if dir == "" {
		t.Log("CUSTOMS_OFFICIAL is not set: only our own schemas are tested")
	}
	return dir
}

var official = []struct{ ours, dir, theirs, root string }{
	{"ru/auto-preliminary.v1.xsd", "ru-fts-5.23.0", "AutoPreliminary.xsd", "AutoPreliminary"},
	{"ru/notif-pi-result.v1.xsd", "ru-fts-5.23.0", "Notif_PIResult.xsd", "Notif_PIResult"},
}

// TestOfficialAndOurSchemasAcceptTheSame generates documents, fitting and faulty, from either schema: both must take the
// ones and refuse the others.
func TestOfficialAndOurSchemasAcceptTheSame(t *testing.T) {
	dir := officialDir(t)
	if dir == "" {
		return
	}
	for _, d := range official {
		t.Run(d.ours, func(t *testing.T) {
			theirDir := filepath.Join(dir, "official", d.dir)
			theirs := filepath.Join(theirDir, d.theirs)

			fromTheirs := shapes(t, theirDir, d.theirs, d.root)
			wantAccepted(t, theirs, fromTheirs)
			wantAccepted(t, d.ours, fromTheirs)
			wantAccepted(t, theirs, shapes(t, ".", d.ours, d.root))

			faultyTheirs := faulty(t, theirDir, d.theirs, d.root)
			wantRefused(t, d.ours, faultyTheirs)
			wantRefused(t, theirs, withoutLengthOfPattern(faultyTheirs))
			wantRefused(t, theirs, withoutLengthOfPattern(faulty(t, ".", d.ours, d.root)))
		})
	}
}

// withoutLengthOfPattern leaves out the faults that libxml2 overlooks in the official schemas, which write lengths as
// alternatives such as [0-9]{2}|[0-9]{5}|[0-9]{8}; ours say the same in a way it reads rightly.
func withoutLengthOfPattern(docs map[string][]byte) map[string][]byte {
	out := map[string][]byte{}
	for key, doc := range docs {
		if !strings.HasPrefix(key, "longer ") && !strings.HasPrefix(key, "shorter ") {
			out[key] = doc
		}
	}
	return out
}

func TestPublicSamplesFit(t *testing.T) {
	dir := officialDir(t)
	if dir == "" {
		return
	}
	for _, s := range []struct{ schema, sample string }{
		{"ru/auto-preliminary.v1.xsd", "ru-eaeu/AutoPreliminary.xml"},
		{"ru/notif-pi-result.v1.xsd", "ru-eaeu/Notif_PIResult_ok.xml"},
		{"ru/notif-pi-result.v1.xsd", "ru-eaeu/Notif_PIResult_reject.xml"},
		{"cn/mt1401.v1.xsd", "cn/public-MT1401.xml"},
		{"cn/mt1401.v1.xsd", "cn/MT1401-own.xml"},
		{"cn/mt2401.v1.xsd", "cn/public-MT2401.xml"},
	} {
		doc, err := os.ReadFile(filepath.Join(dir, "samples", s.sample))
		if err != nil {
			t.Fatal(err)
		}
		wantAccepted(t, s.schema, map[string][]byte{s.sample: doc})
	}
}
