// Package runner runs one test. It puts the parts together (kernel, network,
// services, workload, nemesis and an engine that hosts the nodes), takes the test
// through its phases, and passes everything that happens to a recorder. It judges
// nothing and prints nothing: package verdict runs the checks on what was recorded.
//
//	result, err := runner.Run(ctx, config, newEngine, recorder, log, progress)
//
// # Phases
//
//	Starting     init to every node, then what the workload's clients prepare, such
//	             as the topology
//	Running      operations at Config.Pace, faults by Config.Nemesis, until the time limit
//	Finishing    no fault begins or ends; operations in flight complete or time out
//	Recovering   only if the workload has final operations: all faults are ended, then
//	             Config.Recovery passes
//	Final        the final operations, such as a last read by every worker
//
// A workload without final operations ends after Finishing. Its partitions stay as
// they are, as with Maelstrom, but nodes that are paused or killed are brought back,
// so that the operations in flight can complete.
//
// testdata/stories shows whole tests line by line: begin there.
//
// # Who calls whom
//
//	workload.Load ── Client.Call ──▶ network ──▶ Endpoint.Deliver (engine: a node)
//	      ▲                             │
//	      └── Client.Deliver ◀──────────┤◀── receive(message) ◀── a node prints
//	                                    └──▶ service, and back
//	nemesis ──▶ network (partition, loss, …) and engine (pause, kill, clock)
//
// All of it happens in events of one kernel, on the goroutine that calls Run. The
// engine alone decides whether time is real or virtual: see package kernel for what
// it must do, and the interface Engine here.
//
// # Engines
//
// An Engine starts nodes, drives the kernel and stops the nodes. Further abilities are
// methods that an engine may have: those of [Pauser], [Killer] and [Skewer] for faults
// (without them, a test with such a fault ends with an [UnsupportedError]); OnStall, if
// it runs in real time, where the runner itself may stall; Silent, to say what a node
// that did not answer init or topology printed instead.
//
// # Errors
//
// Run returns nil for a test that ran to its end, whatever came of its operations.
// Otherwise the error is a node that ended or broke the protocol (*nodeio.Error), a
// node that did not answer init (*[InitError]) or what a client sends before the load
// (*workload.SetupError), the end of the context ([IsInterrupt]), or a recorder that
// could not write. What was recorded until then is valid, and incomplete.
package runner
