// Package sdk sets PowerWeChat up for an app.
package sdk

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/ArtisanCloud/PowerLibs/v3/logger/drivers"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/kernel"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/miniProgram"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount"

	"interop/internal/peer"
)

// Module is its module.
const Module = "github.com/ArtisanCloud/PowerWeChat/v3"

var kept = &memory{values: make(map[string][]byte)}

// Account is an Official Account.
func Account(app peer.App) (*officialAccount.OfficialAccount, error) {
	return officialAccount.NewOfficialAccount(&officialAccount.UserConfig{
		AppID:           app.AppID,
		Secret:          app.Secret,
		Token:           app.Token,
		AESKey:          app.AESKey,
		StableTokenMode: true,
		Cache:           kept,
		Log:             officialAccount.Log{Driver: &drivers.DummyLogger{}},
		Http:            officialAccount.Http{BaseURI: app.Base + "/"},
	})
}

// Program is a mini program.
func Program(app peer.App) (*miniProgram.MiniProgram, error) {
	return miniProgram.NewMiniProgram(&miniProgram.UserConfig{
		AppID:           app.AppID,
		Secret:          app.Secret,
		Token:           app.Token,
		AESKey:          app.AESKey,
		StableTokenMode: true,
		Cache:           kept,
		Log:             miniProgram.Log{Driver: &drivers.DummyLogger{}},
		Http:            miniProgram.Http{BaseURI: app.Base + "/"},
	})
}

// memory keeps the tokens of all apps. PowerWeChat's own cache writes a file into the user's
// home.
type memory struct {
	kernel.CacheInterface

	mutex  sync.Mutex
	values map[string][]byte
}

// Has tells whether there is a value.
func (m *memory) Has(key string) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.values[key] != nil
}

// Get gives a value as it came through JSON, which is what PowerWeChat expects.
func (m *memory) Get(key string, _ any) (value any, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	err = json.Unmarshal(m.values[key], &value)
	return value, err
}

// Set keeps a value for as long as this program runs.
func (m *memory) Set(key string, value any, _ time.Duration) (err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.values[key], err = json.Marshal(value)
	return err
}
