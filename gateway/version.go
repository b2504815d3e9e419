package gateway

import (
	"cmp"
	"runtime/debug"
)

// Version says what was built: the version of the module, the commit, with a mark where more
// was changed, and by which Go.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var commit, changed string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " and changes"
		}
	}
	return cmp.Or(info.Main.Version, "(devel)") + ", commit " + cmp.Or(commit, "unknown") + changed + ", " + info.GoVersion
}
