package manual

import (
	"flag"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func program() Program {
	list := flag.NewFlagSet("list", flag.ContinueOnError)
	list.Int("limit", 50, "at most this `NUMBER`; a\\b\n.SH is no heading")
	list.Bool("all", false, "everything")
	return Program{"tool", "does things - well", []Command{
		{"list", "", "list what there is", list},
		{"box open", "ID...", "open boxes", list},
		{"box shut", "ID", "shut one", nil},
	}, []Note{{"exit status", "  0  done\n'1  not"}}}
}

func TestMan(t *testing.T) {
	const want = `.TH TOOL 1
.SH NAME
tool \- does things \- well
.SH SYNOPSIS
.B tool
.I command
[\fIflags\fR] [\fIoperands\fR]
.SH COMMANDS
.SS list
List what there is.
.TP
.BI \-all
everything
.TP
.BI \-limit " NUMBER"
at most this NUMBER; a\eb
\&.SH is no heading
.SS box open ID...
Open boxes.
.TP
.BI \-all
everything
.TP
.BI \-limit " NUMBER"
at most this NUMBER; a\eb
\&.SH is no heading
.SS box shut ID
Shut one.
.SH EXIT STATUS
.nf
0  done
\&'1  not
.fi
`
	var b strings.Builder
	if err := program().Man(&b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestBashCompletes has bash complete command lines.
func TestBashCompletes(t *testing.T) {
	var script strings.Builder
	if err := program().Complete(&script, "bash"); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"tool ":               "list box",
		"tool li":             "list",
		"tool list -":         "-all -limit",
		"tool list -l":        "-limit",
		"tool box ":           "open shut",
		"tool box o":          "open",
		"tool box open -":     "-all -limit",
		"tool box open x -al": "-all",
		"tool box shut -":     "",
		"tool nothing ":       "",
	} {
		words := strings.Split(line, " ")
		typed := script.String() + "COMP_WORDS=('" + strings.Join(words, "' '") + "'); COMP_CWORD=" + string(rune('0'+len(words)-1)) + "; _tool; echo ${COMPREPLY[@]}\n"
		out, err := exec.Command("bash", "-c", typed).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q completes to %q (%v), want %q", line, got, err, want)
		}
	}
}

func TestOtherShells(t *testing.T) {
	var b strings.Builder
	if err := program().Complete(&b, "fish"); err == nil || !strings.Contains(err.Error(), "bash, zsh") {
		t.Error(err)
	}
	if err := program().Complete(&b, "zsh"); err != nil || !strings.HasPrefix(b.String(), "#compdef tool\nautoload -U +X bashcompinit && bashcompinit\n_tool() {") {
		t.Errorf("%v\n%s", err, &b)
	}
}
