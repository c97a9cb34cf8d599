package config

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"
)

// outside is the part of the world that a configuration is read from. What is nil is the process's own.
type outside struct {
	environ lookup
	open    func(path string) (fs.File, error)
	logger  *slog.Logger
	path    string            // of the configuration's file
	seen    func(path string) // told of each file that is looked for on the disk
}

// lookup is os.LookupEnv or what stands for it.
type lookup func(name string) (value string, ok bool)

// within returns o, completed by what is around it.
func (o outside) within(around outside) outside {
	if o.environ == nil {
		o.environ = around.environ
	}
	if o.open == nil {
		o.open = around.open
	}
	if o.logger == nil {
		o.logger = around.logger
	}
	if o.seen == nil {
		o.seen = around.seen
	}
	fillText(&o.path, around.path)
	return o
}

// WithEnviron replaces os.LookupEnv, for the names in overrides too that have none of their own.
func WithEnviron(look func(name string) (value string, ok bool)) Option {
	return func(l *layer) { l.outside.environ = look }
}

// WithFiles replaces os.Open for every file that is looked for: secrets, the configuration's file, .pgpass, pg_service.conf
// and my.cnf. A path is given as it was written or found, most often absolute, so that the Open of an fs.FS needs its
// leading slash removed. A directory that is opened for my.cnf's !includedir has to be an fs.ReadDirFile.
func WithFiles(open func(path string) (fs.File, error)) Option {
	return func(l *layer) { l.outside.open = open }
}

// WithLogger replaces slog.Default() for warnings: that a file with a secret can be read by others, and that a file which
// is named isn't used. They name the file and never what it holds.
func WithLogger(logger *slog.Logger) Option {
	return func(l *layer) { l.outside.logger = logger }
}

// maxFile is the size of a file at most. Configurations are small, and what is much larger is the wrong file.
const maxFile = 1 << 20

// env returns the value of a variable, "" where it isn't set. An empty variable is as good as none: that is how a shell or
// a container unsets one.
func (o outside) env(name string) string {
	look := o.environ
	if look == nil {
		look = os.LookupEnv
	}
	value, _ := look(name)
	return value
}

// file opens a file or a directory.
func (o outside) file(path string) (fs.File, error) {
	if o.open != nil {
		return o.open(path)
	}
	if o.seen != nil {
		o.seen(path)
	}
	return os.OpenFile(path, os.O_RDONLY|dontWait, 0)
}

// read returns what a file holds, and its mode.
func (o outside) read(path string) (text string, mode fs.FileMode, err error) {
	text, info, err := o.readFile(path)
	if err != nil {
		return "", 0, err
	}
	return text, info.Mode(), nil
}

// readFile returns what a file holds, and what is known of it. The error doesn't name the path, for where a path is expected
// somebody may have put the secret itself.
func (o outside) readFile(path string) (text string, info fs.FileInfo, err error) {
	f, err := o.file(path)
	if err != nil {
		return "", nil, cause(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if info, err = f.Stat(); err != nil {
		return "", nil, cause(err)
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return "", nil, errors.New("it is a directory")
	case isNullDevice(info):
		return "", info, nil
	case mode&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice) != 0:
		return "", nil, errors.New("it is a pipe or a device and not a plain file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", nil, cause(err)
	}
	if len(data) > maxFile {
		return "", nil, errors.New("it is larger than 1 MiB")
	}
	return string(data), info, nil
}

// isNullDevice reports whether a file is /dev/null, which stands for an empty one.
func isNullDevice(info fs.FileInfo) bool {
	if info.Mode()&fs.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// cause returns what err says without the path.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// warn logs something that should be changed but can be lived with.
func (o outside) warn(message, path, hint string) {
	logger := o.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.Warn("config: "+message, "file", path, "hint", hint)
}

// others are the permissions of those who are neither the file's owner nor of its group.
const others fs.FileMode = 0o007

// isOpen reports whether mode gives who any permission. Windows keeps none of these.
func isOpen(mode, who fs.FileMode) bool { return mode&who != 0 && runtime.GOOS != "windows" }

// secret returns what a variable X holds, or the file that X_FILE names, as container images have it
// (https://docs.docker.com/engine/swarm/secrets/), and where it came from. Both at once is an error of key. It returns ""
// where neither is set.
func (o outside) secret(key, variable string) (value, source string, err error) {
	value, path := o.env(variable), o.env(variable+"_FILE")
	source = "environment " + variable
	if path == "" {
		return value, source, nil
	}
	if value != "" {
		p := problems{source: source}
		p.add(key, "is given by "+variable+"_FILE as well", "unset one of the two")
		return "", source, p.err()
	}
	source += "_FILE"
	value, err = o.secretFile(path, key, source)
	return value, source, err
}

// secretFile returns what the file holds, without the line break at its end.
func (o outside) secretFile(path, key, source string) (string, error) {
	p := problems{source: source}
	text, mode, err := o.read(path)
	if err != nil {
		p.add(key, "can't be read from its file: "+err.Error(), "give the path of a file that holds the "+key)
		return "", p.err()
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if text == "" {
		p.add(key, "has an empty file", "")
		return "", p.err()
	}
	if isOpen(mode, others) {
		o.warn("a file with a secret can be read by others", path, "chmod o= "+path)
	}
	return text, nil
}
