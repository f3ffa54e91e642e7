package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"glomers/internal/solution"
	"glomers/internal/standing"
	"glomers/internal/store"
	"glomers/stages"
)

// list shows the stages.
func (a *app) list() *cobra.Command {
	root, asJSON := "store", false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the stages, when your programs last passed each, and the best medal",
		Args:  arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if err := checkStore(root); err != nil {
				return err
			}
			own, workbook := standing.Split(store.Passes(root))
			best, err := standing.Best(root, own)
			if err != nil {
				return err
			}
			passed, reference := lastPassed(own), lastPassed(workbook)
			if asJSON {
				return a.listJSON(root, passed, reference, best)
			}
			t := a.out.newTable()
			const width = 54 // so that the table fits 80 columns
			t.AppendHeader(table.Row{"stage", "what it asks for", "last passed"})
			for _, s := range stages.All() {
				result := styled("-")
				const minute = "2006-01-02 15:04"
				if when, ok := passed[s.ID]; ok {
					result = styled(when.Local().Format(minute)+"\n") + a.out.good(best[s.ID].Medal)
				} else if when, ok := reference[s.ID]; ok {
					result = styled(when.Local().Format(minute) + "\nby the workbook")
				}
				text := []string{string(a.out.bold(s.Title)), wrapOptions(s.Workload+" "+strings.Join(s.Flags, " "), width)}
				for _, again := range s.Again {
					text = append(text, "and again with "+strings.Join(again, " "))
				}
				for _, c := range s.Criteria {
					text = append(text, c.String())
				}
				if own := best[s.ID]; own.Next != "" && own.Medal != "" {
					text = append(text, wrapText(own.NextStep(), width))
					for _, command := range tryCommands(&own, root) {
						text = append(text, wrapOptions(command, width))
					}
				}
				t.AppendRow(table.Row{a.out.bold(s.ID), styled(strings.Join(text, "\n")), result})
			}
			t.Render()
			return nil
		},
	}
	cmd.Flags().StringVar(&root, "store", root, "`directory` that runs are kept in")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// lastPassed returns when each stage was last passed, given passes from the oldest to the
// newest.
func lastPassed(passes []store.Pass) map[string]time.Time {
	last := map[string]time.Time{}
	for _, p := range passes {
		last[p.Stage] = p.When
	}
	return last
}

// checkStore refuses a store that is no directory. One that does not exist is empty.
func checkStore(root string) error {
	if info, err := os.Stat(root); err == nil && !info.IsDir() {
		return fmt.Errorf("--store is %s, a file; expected a directory", root)
	}
	return nil
}

func limits(s stages.Stage, sep string) string {
	words := []string{"valid"}
	for _, c := range s.Criteria {
		words = append(words, c.String())
	}
	return strings.Join(words, sep)
}

// wrapOptions breaks a command line between options.
func wrapOptions(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " --") {
		if i > 0 {
			word = "--" + word
		}
		if column > 0 && column+1+len(word) > width {
			b.WriteString("\n")
			column = 0
		} else if column > 0 {
			b.WriteString(" ")
		}
		b.WriteString(word)
		column += 1 + len(word)
	}
	return b.String()
}

func (a *app) listJSON(root string, passed, reference map[string]time.Time, best map[string]standing.Standing) error {
	type entry struct {
		ID         string             `json:"id"`
		Title      string             `json:"title"`
		Goal       string             `json:"goal"`
		Workload   string             `json:"workload"`
		Flags      []string           `json:"flags"`
		Criteria   []string           `json:"criteria"`
		Hard       []string           `json:"hard"` // the options of its hard mode
		LastPassed string             `json:"last-passed,omitempty"`
		Best       *standing.Standing `json:"best,omitempty"`            // of the learner's programs that passed
		Workbook   string             `json:"workbook-passed,omitempty"` // when a program of the workbook last did
	}
	var out []entry
	for _, s := range stages.All() {
		e := entry{s.ID, s.Title, s.Goal, s.Workload, s.Flags, strings.Split(limits(s, "\n"), "\n"), s.Hard.Flags, "", nil, ""}
		if when, ok := passed[s.ID]; ok {
			own := best[s.ID]
			own.Commands = tryCommands(&own, root)
			e.LastPassed, e.Best = when.Format(time.RFC3339), &own
		}
		if when, ok := reference[s.ID]; ok {
			e.Workbook = when.Format(time.RFC3339)
		}
		out = append(out, e)
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	a.out.printf("%s\n", text)
	return nil
}

// newSolution writes a starter.
func (a *app) newSolution() *cobra.Command {
	return &cobra.Command{
		Use:     "new STAGE DIRECTORY",
		Short:   "Begin a solution of your own",
		Example: "  glomers new 3c ./my/3c",
		Args:    arguments(2, 2, "a stage and a new directory, such as: glomers new 3c ./my/3c"),
		RunE: func(_ *cobra.Command, args []string) error {
			stage, err := stages.Find(args[0])
			if err != nil {
				return err
			}
			dir := args[1]
			if files, err := os.ReadDir(dir); err == nil && len(files) > 0 {
				return fmt.Errorf("%s is not empty; choose a new directory", dir)
			}
			source, err := stage.Starter()
			if err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return err
			}
			files := map[string]string{"main.go": string(source)}
			if !solution.InsideModule(dir) {
				files["go.mod"], files["go.sum"] = solution.GoMod("1.21"), solution.GoSum
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(files[name]), 0o666); err != nil {
					return err
				}
			}
			a.out.printf("wrote %s\n\n  %s\n\n", filepath.Join(dir, "main.go"), stage.Goal)
			a.out.printf("Edit it where it says TODO, then run:\n\n  %s\n", commandLine([]string{"test", stage.ID, dirArgument(dir)}))
			return nil
		},
	}
}

func dirArgument(dir string) string {
	if filepath.IsAbs(dir) || strings.HasPrefix(dir, ".") {
		return dir
	}
	return "./" + dir
}
