package expr

import (
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	customsv1 "customs.example/gateway/api/customs/v1"
	"customs.example/gateway/document"
)

// Known are the conditions that the environment has made.
func (e *Env) Known() []*Judged {
	var out []*Judged
	e.compiled.Range(func(k, v any) bool {
		out = append(out, &Judged{env: e, key: k.(compiledKey), Condition: v.(*Condition)})
		return true
	})
	return out
}

// Judged is a condition and, for comparison, CEL's interpreter of the same.
type Judged struct {
	*Condition
	env         *Env
	key         compiledKey
	interpreter code[bool]
	compiled    code[bool]
}

// Ready makes the interpreter and reports whether the condition is compiled beside it.
func (j *Judged) Ready() (bool, error) {
	md := types.messages[string(j.key.message)]
	var outer protoreflect.MessageDescriptor
	if j.key.outer != "" {
		outer = types.messages[string(j.key.outer)]
	}
	env, err := j.env.in(md, outer, j.key.context)
	if err != nil {
		return false, err
	}
	checked, issues := env.Compile(j.source)
	if issues.Err() != nil {
		return false, issues.Err()
	}
	j.compiled = compiled(checked, j.env.lists, visible(md))
	j.interpreter, err = interpreted(env, checked, visible(md), false)
	return j.compiled != nil, err
}

// Message and Outer are the types that the condition stands on.
func (j *Judged) Message() (this, outer protoreflect.FullName) { return j.key.message, j.key.outer }

// Both asks the compiled condition and the interpreter.
func (j *Judged) Both(this, outer document.Node, root *customsv1.Document, now time.Time, it string) (ours, theirs bool, ourErr, theirErr error) {
	ours, ourErr = j.compiled(&frame{this: this, outer: outer, root: root, now: now, it: it})
	theirs, theirErr = j.interpreter(&frame{this: this, outer: outer, root: root, now: now, it: it})
	return ours, theirs, ourErr, theirErr
}
