package blueprints

import (
	"os"
	"syscall"
	"time"
)

// changeTime is when a file was changed, whatever its time was set to.
func changeTime(info os.FileInfo) (time.Time, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(s.Ctim.Unix()), true
}
