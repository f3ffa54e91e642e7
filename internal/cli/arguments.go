package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// arguments returns a check that a command has from least to most arguments. The text
// says what they are: "a run or a history, such as: glomers check store/latest".
func arguments(least, most int, expected string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) >= least && len(args) <= most:
			return nil
		case most == 0:
			return fmt.Errorf("%s takes no arguments, found %q", cmd.CommandPath(), args[0])
		case len(args) > most:
			return fmt.Errorf("%q is one argument too many; expected %s", args[most], expected)
		}
		return fmt.Errorf("expected %s", expected)
	}
}

// unknownCommand is the error for a word that no command has as its name.
func unknownCommand(parent *cobra.Command, word string) error {
	var names []string
	for _, cmd := range parent.Commands() {
		if cmd.IsAvailableCommand() {
			names = append(names, cmd.Name())
		}
	}
	of, expected := "", "one of "+strings.Join(names, ", ")
	if parent.HasParent() {
		of = " of " + parent.Name()
	}
	if len(names) == 1 {
		expected = names[0]
	}
	return fmt.Errorf("unknown command %q%s, expected %s%s", word, of, expected, didYouMean(word, names))
}

// parent makes a command that only has subcommands print its help, and refuse a word
// that is none of them.
func parent(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
}

// help replaces cobra's help command, which takes an unknown command for a request of
// its own help.
func help() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			about := cmd.Root()
			for _, word := range args {
				next, _, err := about.Find([]string{word})
				if err != nil || next == about {
					return unknownCommand(about, word)
				}
				about = next
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// plain returns the text of an error without the words that Go's library puts before
// what the system says of a file: the name of a function (open, lstat, mkdir), and the
// path a second time.
func plain(err error) string {
	text := err.Error()
	var path *fs.PathError
	if !errors.As(err, &path) {
		return text
	}
	said := path.Path + ": " + path.Err.Error()
	switch {
	case path.Op == "mkdir" && !errors.Is(path, fs.ErrExist):
		said = fmt.Sprintf("the directory %s cannot be made: %v", path.Path, path.Err)
	case errors.Is(path, fs.ErrNotExist) && !isDir(filepath.Dir(path.Path)):
		said = fmt.Sprintf("the directory %s does not exist", filepath.Dir(path.Path))
	case errors.Is(path, fs.ErrNotExist):
		said = path.Path + " does not exist"
	case errors.Is(path, syscall.EISDIR):
		said = path.Path + " is a directory; expected a file"
	}
	text = strings.Replace(text, path.Error(), said, 1)
	return strings.Replace(text, path.Path+": "+path.Path, path.Path, 1)
}
