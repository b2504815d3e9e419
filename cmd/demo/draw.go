package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Offices of the demonstration and their local times. Neither zone has had daylight
// saving time for many years.
const (
	manzhouli  = "0603"
	khorgos    = "9402"
	nurZholy   = "39899001"
	zabaykalsk = "10719110"
)

var (
	beijing = time.FixedZone("CST", 8*60*60)
	chita   = time.FixedZone("YAKT", 9*60*60)
)

// kilograms is a mass in hundredths of a kilogram: the demonstration checks decimals
// with whole numbers.
type kilograms int64

// String returns plain notation without trailing zeros, as 18250.5.
func (k kilograms) String() string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%02d", k/100, k%100), "0"), ".")
}

// goods are a kind of goods: how the sender describes it, and what its HS heading is
// called in the reader's language.
type goods struct{ code, sent, heading string }

var exports = []goods{
	{"0702000000", "鲜番茄", "Томаты свежие или охлаждённые"},
	{"0707000000", "鲜黄瓜", "Огурцы свежие или охлаждённые"},
	{"0703101000", "鲜洋葱", "Лук, чеснок, лук-порей свежие или охлаждённые"},
	{"0808100000", "鲜苹果", "Яблоки, груши и айва свежие"},
	{"0805202000", "鲜柑橘", "Цитрусовые плоды свежие или сушёные"},
	{"3923300000", "塑料瓶", "Упаковочные изделия из пластмасс"},
	{"4011100000", "汽车用新充气橡胶轮胎", "Шины пневматические резиновые новые"},
	{"6109100000", "棉制针织T恤衫", "Майки и футболки трикотажные"},
	{"6907210000", "陶瓷地砖", "Плитка керамическая"},
	{"8415101000", "分体式空调器", "Кондиционеры воздуха"},
	{"8418102000", "家用冰箱", "Холодильники и морозильники"},
	{"9403600000", "木家具", "Мебель прочая и её части"},
	{"9503006000", "儿童玩具", "Игрушки"},
}

var imports = []goods{
	{"4407119300", "Пиломатериалы хвойные обрезные", "锯材"},
	{"1512119100", "Масло подсолнечное нерафинированное", "葵花油、红花油或棉子油"},
	{"1201900000", "Бобы соевые", "大豆"},
	{"1806329000", "Шоколад в плитках", "巧克力及含可可的食品"},
	{"4802561500", "Бумага офисная", "未涂布的书写及印刷纸"},
	{"3901101000", "Полиэтилен в гранулах", "初级形状的乙烯聚合物"},
}

// manifest is what a cargo manifest says, each value as the text that is written.
type manifest struct {
	MessageID, Function, Sender, SendTime       string
	Office, Batch, Agent, Mode, Carrier, Loaded string
	Firm                                        string
	Waybills                                    []*waybill
}

// waybill is the goods of one transport document.
type waybill struct {
	Number, Procedure, Payment, Container string
	Consignor, ConsignorID                string
	Consignee, ConsigneeID                string
	Packages, PackageUnit, Mass           string
	Amount, Currency                      string
	Lines                                 []*goodsLine
}

// goodsLine is one line of goods.
type goodsLine struct {
	Sequence, Description, HS             string
	Mass, MassUnit, Packages, PackageUnit string
	Remark                                string
	goods                                 goods
}

// truck is a laden truck that leaves China: what its manifest and its vehicle report
// say, and what is seen of it in Russia.
type truck struct {
	Manifest                    *manifest
	MessageID, SendTime         string
	ExitTime                    string
	Tractor, Trailer, Container string
	Driver, DriverID            string
	Seals                       []string

	exit     time.Time
	gross    kilograms
	packages int
}

// shipment is what a Russian post sends to China.
type shipment struct {
	ID, Issued, Batch  string
	Carrier, CarrierID string
	Waybills           []*waybill
}

// dice draws everything that a run invents.
type dice struct{ *rand.Rand }

func roll(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0x6375_7374_6f6d_73))} }

func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

func (d dice) text(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(b)
}

func (d dice) digits(n int) string { return d.text("0123456789", n) }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

// some draws n different elements.
func some[T any](d dice, from []T, n int) []T {
	out := make([]T, 0, n)
	for _, i := range d.Perm(len(from))[:n] {
		out = append(out, from[i])
	}
	return out
}

// uuid is a random UUID of version 4, repeatable with the seed.
func (d dice) uuid() string {
	hex := d.text("0123456789abcdef", 32)
	return fmt.Sprintf("%s-%s-4%s-%c%s-%s", hex[:8], hex[8:12], hex[13:16], "89ab"[d.IntN(4)], hex[17:20], hex[20:])
}

// truck draws a truck whose exit is reported now, with as many waybills and, at most,
// lines in each as asked.
func (d dice) truck(now time.Time, waybills, lines int) *truck {
	exit := now.In(beijing).Truncate(time.Second)
	agent := manzhouli + organisation(d.digits(8))
	sender := agent + "_DXPEXAMPLE" + d.digits(6)
	sent := exit.Add(-45 * time.Minute)
	region := pick(d, "蒙", "黑", "吉", "辽") + pick(d, "A", "B", "C", "E")
	t := &truck{
		Manifest: &manifest{
			MessageID: "CN_MT2401_1p0_" + agent + "_" + stamp(sent), Function: "9", Sender: sender, SendTime: stamp(sent),
			Office: manzhouli, Batch: manzhouli + exit.Format("060102") + d.digits(4), Agent: agent, Mode: "3",
			Carrier: manzhouli + "EX" + d.digits(4), Loaded: sent.Add(-time.Hour).Format("20060102150405"),
			Firm: pick(d, "满洲里", "海拉尔", "哈尔滨") + "示例运输有限公司",
		},
		MessageID: "CN_MT4402_1p0_" + agent + "_" + stamp(exit), SendTime: stamp(exit), ExitTime: exit.Format("20060102150405"),
		Tractor: region + d.digits(5), Trailer: region + d.digits(4) + "挂", Container: container("EXM" + "U" + d.digits(6)),
		Driver: pick(d, "示例司机甲", "示例司机乙", "示例司机丙"), DriverID: "DRV" + d.digits(5),
		exit: exit,
	}
	serial := d.between(100_000, 999_000)
	for i := range d.between(2, 4) {
		t.Seals = append(t.Seals, fmt.Sprintf("CNSEAL%07d", serial+i))
	}
	kinds := some(d, exports, min(len(exports), waybills*lines))
	for i := range waybills {
		w := &waybill{
			Number: "CNRU" + exit.Format("0601") + d.digits(6), Procedure: "RD01", Payment: "PP", Container: t.Container,
			Consignor:   pick(d, "满洲里", "呼伦贝尔", "大连", "长春") + "示例" + pick(d, "贸易", "食品", "实业") + "有限公司",
			ConsignorID: creditCode("91" + "150781" + organisation(d.text("0123456789ABCDEFGHJKLMNPQRTUWXY", 8))),
			Consignee:   pick(d, "后贝加尔", "赤塔", "伊尔库茨克", "乌兰乌德") + "示例" + pick(d, "进口", "贸易") + "有限公司",
			ConsigneeID: "RU-EXAMPLE-" + d.digits(4), PackageUnit: "CT",
			// The cents make the price a text that nothing else in a document can be.
			Amount: fmt.Sprintf("%d.%02d", d.between(30_000, 900_000), d.between(1, 9)*10+d.between(1, 9)), Currency: "CNY",
		}
		var mass kilograms
		var packages int
		for k := range d.between(max(1, lines-1), lines) {
			of := kinds[(i*lines+k)%len(kinds)]
			m, n := kilograms(d.between(1000, 6000)*50), d.between(10, 400)
			w.Lines = append(w.Lines, &goodsLine{
				Sequence: fmt.Sprint(k + 1), Description: of.sent, HS: of.code, Mass: m.String(), MassUnit: "KGM",
				Packages: fmt.Sprint(n), PackageUnit: "CT", goods: of,
			})
			mass, packages = mass+m, packages+n
		}
		w.Mass, w.Packages = mass.String(), fmt.Sprint(packages)
		t.gross, t.packages = t.gross+mass, t.packages+packages
		t.Manifest.Waybills = append(t.Manifest.Waybills, w)
	}
	return t
}

// shipment draws what a Russian post sends to China.
func (d dice) shipment(now time.Time) *shipment {
	now = now.In(chita)
	s := &shipment{
		ID: d.uuid(), Issued: now.Truncate(time.Second).Format(time.RFC3339), Batch: "10719" + now.Format("060102") + d.digits(4),
		Carrier: `ООО "Пример-Транс"`, CarrierID: "RUEX" + d.digits(6),
	}
	box := container("EXM" + "U" + d.digits(6))
	kinds := some(d, imports, 4)
	for i := range d.between(1, 2) {
		w := &waybill{
			Number: "RUCN" + now.Format("0601") + d.digits(6), Container: box,
			Consignor: pick(d, `ООО "Пример-Лес"`, `АО "Пример-Продукт"`, `ООО "Пример-Сибирь"`), Consignee: "MANZHOULI EXAMPLE TRADE CO LTD",
			Amount: fmt.Sprintf("%d.%02d", d.between(300_000, 9_000_000), d.between(1, 9)*10+d.between(1, 9)),
		}
		var mass kilograms
		var packages int
		for k := range 2 {
			of := kinds[i*2+k]
			m, n := kilograms(d.between(1000, 6000)*50), d.between(10, 400)
			w.Lines = append(w.Lines, &goodsLine{
				Sequence: fmt.Sprint(k + 1), Description: of.sent, HS: of.code, Mass: m.String(),
				Packages: fmt.Sprint(n), PackageUnit: "PK", goods: of,
			})
			mass, packages = mass+m, packages+n
		}
		w.Mass, w.Packages = mass.String(), fmt.Sprint(packages)
		s.Waybills = append(s.Waybills, w)
	}
	return s
}

// stamp is an instant as the head of a Chinese message has it, without a zone.
func stamp(t time.Time) string { return strings.Replace(t.Format("20060102150405.000"), ".", "", 1) }

// latin is a plate as a partner without Chinese characters types it.
func latin(plate string) string {
	return strings.NewReplacer("蒙", "MENG", "黑", "HEI", "吉", "JI", "辽", "LIAO", "挂", "GUA").Replace(plate)
}

// weighedAt is a mass with parts per thousand added, to the nearest hundredth.
func weighedAt(m kilograms, permille int64) kilograms {
	return kilograms((int64(m)*(1000+permille) + 500) / 1000)
}

// organisation appends the check character of GB 11714 to eight characters.
func organisation(eight string) string {
	sum := 0
	for i, w := range []int{3, 7, 9, 10, 5, 8, 4, 2} {
		c := int(eight[i])
		if c >= 'A' {
			sum += (c - 'A' + 10) * w
		} else {
			sum += (c - '0') * w
		}
	}
	return eight + string("0X987654321"[sum%11])
}

// creditCode appends the check character of GB 32100 to seventeen characters.
func creditCode(seventeen string) string {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	sum, weight := 0, 1
	for _, c := range seventeen {
		sum += strings.IndexRune(alphabet, c) * weight
		weight = weight * 3 % 31
	}
	return seventeen + string(alphabet[(31-sum%31)%31])
}

// container appends the check digit of ISO 6346 to four letters and six digits.
func container(ten string) string {
	sum := 0
	for i := range ten {
		v := int(ten[i] - '0')
		if c := int(ten[i]); c >= 'A' {
			v = c - 'A' + 10
			v += (v - 1) / 10 // 11, 22 and 33 are left out
		}
		sum += v << i
	}
	return ten + fmt.Sprint(sum%11%10)
}
