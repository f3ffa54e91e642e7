// Package native runs Go programs as ordinary executables in virtual time.
//
// A program built with the changes of package overlay leaves its clock, its idle time,
// its randomness, and its standard input and output to a host. The two run in lockstep:
// the host writes the time and new input to memory that both share, wakes the program
// with a byte on a pipe, and sleeps until the program reports on another pipe that it
// waits, and for what. So only one of the two runs at a time, and the program runs one
// goroutine at a time, in an order that depends on the seed alone.
//
// A [Program] is a [sim.Program]. Each node is a process with a directory of its
// own as the root of its files. A process ends when its host does: its pipes are
// closed, and on Linux it is killed with the thread that started it.
package native
