package wasm

import (
	"context"
	"slices"

	"github.com/tetratelabs/wazero/api"
)

// function is a function of the host.
type function struct {
	call            func(*guest, arguments) errno
	params, results []api.ValueType
}

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
)

// returning is a function that returns an error number, as all but proc_exit do.
func returning(call func(*guest, arguments) errno, params ...api.ValueType) function {
	return function{call, params, []api.ValueType{i32}}
}

// functions are those of wasip1 that the host has.
var functions map[string]function

func init() { // in a function, since fd_read and others lead back to it
	functions = map[string]function{
		"args_get":              returning(argsGet, i32, i32),
		"args_sizes_get":        returning(argsSizesGet, i32, i32),
		"environ_get":           returning(environGet, i32, i32),
		"environ_sizes_get":     returning(environSizesGet, i32, i32),
		"clock_res_get":         returning(clockResGet, i32, i32),
		"clock_time_get":        returning(clockTimeGet, i32, i64, i32),
		"poll_oneoff":           returning(pollOneoff, i32, i32, i32, i32),
		"proc_exit":             {procExit, []api.ValueType{i32}, nil},
		"random_get":            returning(randomGet, i32, i32),
		"sched_yield":           returning(schedYield),
		"fd_close":              returning(fdClose, i32),
		"fd_datasync":           returning(fdSync, i32),
		"fd_fdstat_get":         returning(fdFdstatGet, i32, i32),
		"fd_fdstat_set_flags":   returning(fdFdstatSetFlags, i32, i32),
		"fd_filestat_get":       returning(fdFilestatGet, i32, i32),
		"fd_filestat_set_size":  returning(fdFilestatSetSize, i32, i64),
		"fd_pread":              returning(fdPread, i32, i32, i32, i64, i32),
		"fd_prestat_dir_name":   returning(fdPrestatDirName, i32, i32, i32),
		"fd_prestat_get":        returning(fdPrestatGet, i32, i32),
		"fd_pwrite":             returning(fdPwrite, i32, i32, i32, i64, i32),
		"fd_read":               returning(fdRead, i32, i32, i32, i32),
		"fd_readdir":            returning(fdReaddir, i32, i32, i32, i64, i32),
		"fd_seek":               returning(fdSeek, i32, i64, i32, i32),
		"fd_sync":               returning(fdSync, i32),
		"fd_tell":               returning(fdTell, i32, i32),
		"fd_write":              returning(fdWrite, i32, i32, i32, i32),
		"path_create_directory": returning(pathCreateDirectory, i32, i32, i32),
		"path_filestat_get":     returning(pathFilestatGet, i32, i32, i32, i32, i32),
		"path_open":             returning(pathOpen, i32, i32, i32, i32, i32, i64, i64, i32, i32),
		"path_remove_directory": returning(pathRemoveDirectory, i32, i32, i32),
		"path_rename":           returning(pathRename, i32, i32, i32, i32, i32, i32),
		"path_unlink_file":      returning(pathUnlinkFile, i32, i32, i32),
	}
}

// guestContext carries the calling guest to the functions of the host. wazero passes
// the context of a call on unchanged.
type guestContext struct {
	context.Context
	guest *guest
}

// bind returns the function in the form in which wazero calls it.
func (f function) bind() api.GoModuleFunc {
	returns := slices.Contains(f.results, i32)
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		g := ctx.(*guestContext).guest
		g.charge(unitsPerCall)
		e := f.call(g, arguments(stack))
		if returns {
			stack[0] = uint64(e)
		}
	}
}

// unsupported is a function that the host lacks.
func unsupported(name string) func(*guest, arguments) errno {
	return func(g *guest, _ arguments) errno {
		if g.boot.Warn != nil {
			g.boot.Warn("calls " + name + ", which the simulation does not have, and gets the error ENOSYS")
		}
		return errnoNosys
	}
}
