package flow_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"customs.example/gateway"
	"customs.example/gateway/folder"
	"customs.example/gateway/mapping"
	"customs.example/gateway/mtls"
	"customs.example/gateway/pace"
	"customs.example/gateway/peer"
	"customs.example/gateway/release"
	"customs.example/gateway/schema"
	"customs.example/gateway/seal"
	"customs.example/gateway/validate"
)

// proofs are the types that only their own package can make, as they are written there
// and elsewhere.
var proofs = []string{
	"Passed", "validate.Passed", "Released", "release.Released", "Encoded", "mapping.Encoded",
	"Conforming", "schema.Conforming", "Sealed", "seal.Sealed",
}

// takers are all exported functions that take a proof, each called with zero values.
var takers = map[string]func(t *testing.T) error{
	"release.Release": func(t *testing.T) error {
		_, faults := new(release.Route).Release(validate.Passed{})
		return faults.Err()
	},
	"seal.Seal": func(t *testing.T) error {
		keys := keyring(t)
		_, err := keys.Seal(seal.Header{
			MessageID: "m", Kind: "Manifest", Sender: "CN", Recipient: "RU", Created: time.Now(),
		}, release.Released{}, mapping.Encoded{}, schema.Conforming{})
		return err
	},
	"validate.CheckFurther": func(t *testing.T) error {
		_, faults, err := loadChain(t).Rules.CheckFurther(pace.Endless(), validate.Passed{}, validate.Scope{Own: "CN", Partner: "RU"})
		return cmp.Or(err, faults.Err())
	},
	"peer.Deliver": func(t *testing.T) error {
		registry, err := mtls.NewRegistry(time.Now, nil)
		if err != nil {
			t.Fatal(err)
		}
		link, err := peer.NewLink(peer.Partner{URI: "customs://RU/gateway/1", Address: "127.0.0.1:1"}, registry, certificate(t))
		if err != nil {
			t.Fatal(err)
		}
		defer link.Close()
		_, err = link.Deliver(context.Background(), seal.Sealed{})
		_, posted := peer.NewHTTPS(link.Partner(), registry, certificate(t), false, time.Now).Deliver(context.Background(), seal.Sealed{})
		if err == nil || posted == nil {
			return nil
		}
		return err
	},
	"folder.Deliver": func(t *testing.T) error {
		f, err := folder.New(folder.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Deliver(context.Background(), seal.Sealed{})
		return err
	},
}

func TestZeroProofsAreRefusedByEveryTaker(t *testing.T) {
	for name, call := range takers {
		if err := call(t); err == nil {
			t.Errorf("%s takes a zero proof", name)
		}
	}
}

// TestEveryTakerIsKnown finds the exported functions that take a proof in the sources,
// so that a new one must be tried with zero values too.
func TestEveryTakerIsKnown(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || !takesProof(fn) {
				continue
			}
			if name := f.Name.Name + "." + fn.Name.Name; takers[name] == nil {
				t.Errorf("%s takes a proof and is not tried with zero values", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func takesProof(fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(fn.Type.Params.List, func(p *ast.Field) bool {
		switch x := p.Type.(type) {
		case *ast.Ident:
			return slices.Contains(proofs, x.Name)
		case *ast.SelectorExpr:
			pkg, ok := x.X.(*ast.Ident)
			return ok && slices.Contains(proofs, pkg.Name+"."+x.Sel.Name)
		}
		return false
	})
}

// signing is a folder of signing keys, made once: cn and ru.
var signing = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "signing") // TestMain removes it
	if err != nil {
		return "", err
	}
	for _, side := range []string{"cn", "ru"} {
		if err := errors.Join(os.Mkdir(filepath.Join(dir, side), 0o700), mtls.GenerateSigningKey(filepath.Join(dir, side, "signing.pem"))); err != nil {
			return dir, err
		}
	}
	return dir, nil
})

func signingKeys(t testing.TB) string {
	t.Helper()
	dir, err := signing()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var always = seal.Validity{From: time.Unix(0, 0), Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	keys, err := seal.LoadKeyring(gateway.Administration("CN"), []seal.KeyFile{{ID: "cn-1", File: filepath.Join(signingKeys(t), "cn", "signing.pem"), Validity: always}})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	dir := t.TempDir()
	if err := mtls.GenerateDevPKI(dir, time.Now(), mtls.DevAuthorities()); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "cn")
	cert, err := mtls.LoadCertificate(filepath.Join(dir, "gateway.pem"), filepath.Join(dir, "gateway-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
