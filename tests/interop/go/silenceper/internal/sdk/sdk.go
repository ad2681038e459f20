// Package sdk sets silenceper/wechat up.
package sdk

import (
	"io"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	"github.com/sirupsen/logrus"
)

// Module is its module.
const Module = "github.com/silenceper/wechat/v2"

// It logs to standard output, which is for the answers. Its own init says so, and comes
// before the one of a package that imports it.
func init() { logrus.SetOutput(io.Discard) }

// New has one cache for all apps, which keeps their tokens.
func New() *wechat.Wechat {
	sdk := wechat.NewWechat()
	sdk.SetCache(cache.NewMemory())
	return sdk
}
