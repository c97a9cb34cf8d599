package servers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fill copies the template of a recipe into the server's folder, as data. build makes the template, in dir/data of the
// dir it's given, if there is none: whatever changes the outcome is to be named in the recipe.
func (s *Server) fill(ctx context.Context, recipe []string, build func(dir string) error) error {
	recipe = append(recipe, s.program, s.version, s.house.secret)
	sum := sha256.Sum256([]byte(strings.Join(recipe, "\x00")))
	template := filepath.Join(s.house.base, "templates", fmt.Sprintf("%s-%s", s.kind, hex.EncodeToString(sum[:8])))
	if err := s.makeTemplate(template, build); err != nil {
		return fmt.Errorf("template: %w", err)
	}
	return s.house.run(ctx, s.kind, s.dir, "", "cp", "-a", filepath.Join(template, "data"), s.dir)
}

func (s *Server) makeTemplate(template string, build func(dir string) error) error {
	// What clears temporary files of an age may have taken this one. It's read every time, so it isn't younger than
	// the rest.
	complete := filepath.Join(template, "complete")
	if _, err := os.ReadFile(complete); err == nil {
		return nil
	}
	unlock, err := lock(template + ".lock")
	if err != nil {
		return err
	}
	defer unlock.Close() //nolint:errcheck // nothing was written to it
	if _, err := os.ReadFile(complete); err == nil {
		return nil // another process has built it meanwhile
	}
	work := template + ".new"
	for _, dir := range []string{template, work} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}
	if err := identity(s.kind).give(work); err != nil {
		return err
	}
	if err := build(work); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "complete"), []byte(strings.Join([]string{s.program, s.version}, "\n")), 0o600); err != nil {
		return err
	}
	return os.Rename(work, template)
}

// write makes a file that only the server's user may read.
func (s *Server) write(path string, text []byte) error {
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	return identity(s.kind).give(path)
}

// writeCert puts the certificate that the server shows, and its key, into a folder.
func (s *Server) writeCert(dir string) error {
	for name, from := range map[string]string{"server.crt": ".crt", "server.key": ".key"} {
		text, err := os.ReadFile(filepath.Join(s.house.dir, "tls", string(s.set.cert.orGood())+from))
		if err != nil {
			return err
		}
		if err := s.write(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	ca, err := os.ReadFile(s.CA())
	if err != nil {
		return err
	}
	return s.write(filepath.Join(dir, "ca.crt"), ca)
}
