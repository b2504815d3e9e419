// Package manual owns what a command line says of itself beyond -h: its manual page and its
// completion in a shell, made of the same words and flags. It refuses to know any command.
package manual

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Program is a program of several commands.
type Program struct {
	Name, Short string
	Commands    []Command
	Notes       []Note // sections behind the commands
}

// Command is one of them, of one or two words.
type Command struct {
	Name, Operands, Short string
	Flags                 *flag.FlagSet // nil: none
}

// Note is a section of the page; its text may have several lines.
type Note struct{ Title, Text string }

// Man writes the manual page, section 1, in the man macros.
func (p Program) Man(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", strings.ToUpper(p.Name), roff(p.Name), roff(p.Short))
	fmt.Fprintf(&b, ".B %s\n.I command\n[\\fIflags\\fR] [\\fIoperands\\fR]\n.SH COMMANDS\n", roff(p.Name))
	for _, c := range p.Commands {
		fmt.Fprintf(&b, ".SS %s\n%s.\n", roff(strings.TrimSpace(c.Name+" "+c.Operands)), roff(sentence(c.Short)))
		for f := range c.flags {
			value, usage := flag.UnquoteUsage(f)
			fmt.Fprintf(&b, ".TP\n.BI \\-%s", roff(f.Name))
			if value != "" {
				fmt.Fprintf(&b, " \" %s\"", roff(value))
			}
			fmt.Fprintf(&b, "\n%s\n", roff(usage))
		}
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, ".SH %s\n.nf\n%s\n.fi\n", roff(strings.ToUpper(n.Title)), roff(strings.TrimSpace(n.Text)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// flags are a command's flags in order of their names.
func (c Command) flags(yield func(*flag.Flag) bool) {
	if c.Flags == nil {
		return
	}
	more := true
	c.Flags.VisitAll(func(f *flag.Flag) { more = more && yield(f) })
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// roff is a text as the macros print it.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// Shells are those that Complete knows.
var Shells = []string{"bash", "zsh"}

// Complete writes what a shell completes the program by: put it where the shell reads such
// files, or source it. Words are commands, flags behind a dash, and files everywhere else.
func (p Program) Complete(w io.Writer, shell string) error {
	if !slices.Contains(Shells, shell) {
		return fmt.Errorf("shell %q: want one of %s", shell, strings.Join(Shells, ", "))
	}
	var b strings.Builder
	if shell == "zsh" {
		fmt.Fprintf(&b, "#compdef %s\nautoload -U +X bashcompinit && bashcompinit\n", p.Name)
	}
	fmt.Fprintf(&b, "_%s() {\n  local word=${COMP_WORDS[COMP_CWORD]} words\n", p.Name)
	b.WriteString("  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n")
	first, second := []string{}, map[string][]string{}
	for _, c := range p.Commands {
		outer, inner, two := strings.Cut(c.Name, " ")
		if !slices.Contains(first, outer) {
			first = append(first, outer)
		}
		if two {
			second[outer] = append(second[outer], inner)
			fmt.Fprintf(&b, "  '%s %s') words='%s' ;;\n", outer, inner, c.dashed())
		}
	}
	for _, c := range p.Commands {
		if !strings.Contains(c.Name, " ") {
			fmt.Fprintf(&b, "  '%s '*) words='%s' ;;\n", c.Name, strings.TrimSpace(strings.Join(second[c.Name], " ")+" "+c.dashed()))
		}
	}
	for _, outer := range first {
		if inner := second[outer]; inner != nil && !slices.ContainsFunc(p.Commands, func(c Command) bool { return c.Name == outer }) {
			fmt.Fprintf(&b, "  '%s '*) words='%s' ;;\n", outer, strings.Join(inner, " "))
		}
	}
	b.WriteString("  *) words= ;;\n  esac\n")
	b.WriteString("  [ \"$COMP_CWORD\" = 1 ] && words='" + strings.Join(first, " ") + "'\n")
	b.WriteString("  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n")
	fmt.Fprintf(&b, "complete -o default -F _%s %s\n", p.Name, p.Name)
	_, err := io.WriteString(w, b.String())
	return err
}

// dashed are a command's flags as they are typed.
func (c Command) dashed() string {
	var all []string
	for f := range c.flags {
		all = append(all, "-"+f.Name)
	}
	return strings.Join(all, " ")
}
