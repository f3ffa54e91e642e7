// Command glomers runs the Gossip Glomers challenges.
package main

import (
	"os"

	"glomers/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args, os.Stdout, os.Stderr)) }
