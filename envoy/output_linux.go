package envoy

import (
	"fmt"
	"os"
	"syscall"
)

// Of fallocate(2) and lseek(2).
const (
	keepSize  = 0x1
	punchHole = 0x2
	seekData  = 3
)

// punch gives the file's room up to an offset back to the disk.
func punch(path string, to int64) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open envoy's output: %w", err)
	}
	defer file.Close()
	return syscall.Fallocate(int(file.Fd()), keepSize|punchHole, 0, to)
}

// firstData is where the file's hole ends.
func firstData(file *os.File) int64 {
	at, err := syscall.Seek(int(file.Fd()), 0, seekData)
	if err == nil {
		return at
	}
	info, err := file.Stat() // there is none behind the hole
	if err != nil {
		return 0
	}
	return info.Size()
}
