package codelist

import (
	"fmt"
	"time"

	"customs.example/gateway"
)

// The list of offices by ADMINISTRATION/CODE, and its column of IANA zones.
const (
	zoneList   = "office-zone"
	zoneColumn = "iana"
)

// Zone returns the time zone of an office: by its whole code, else by its first five
// characters (RU/10702*), else of an administration that keeps one time (CN/*). A zone is
// never guessed from less; how well it is known says the status of its row.
func (l *Lists) Zone(administration gateway.Administration, office string) (*time.Location, bool) {
	list := l.byName[zoneList]
	if list == nil || list.Systems[zoneColumn] == nil || office == "" {
		return nil, false
	}
	column := list.Systems[zoneColumn]
	keys := [3]string{office, "", "*"}
	if len(office) > 5 {
		keys[1] = office[:5] + "*"
	}
	for _, key := range keys {
		if zone := column.zones[string(administration)+"/"+key]; key != "" && zone != nil {
			return zone, true
		}
	}
	return nil, false
}

// zones reads the zones of the column; they change by the zone's own rules, not by day.
func (s *System) readZones(at string, errorf report) {
	s.zones = map[string]*time.Location{}
	for i, r := range s.Rows {
		zone, err := time.LoadLocation(r.Is)
		if err != nil || r.Is == "" || r.Is == "Local" || r.Direction != Encode || r.From != "" || r.To != "" {
			errorf(fmt.Sprintf("%s.rows[%d]", at, i), "row %s->%s: want an IANA name such as Asia/Shanghai, with direction: encode and without days", r.Code, r.Is)
			continue
		}
		s.zones[r.Code] = zone
	}
}
