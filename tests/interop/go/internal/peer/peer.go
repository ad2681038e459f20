// Package peer answers each line of standard input, a request as JSON, with a line of JSON.
package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
)

// Request is what a client is asked for; each kind of work needs some of it.
type Request struct {
	Do         string            `json:"do"`
	Kind       string            `json:"kind"`
	App        App               `json:"app"`
	OpenID     string            `json:"open_id"`
	Code       string            `json:"code"`
	TemplateID string            `json:"template_id"`
	Fields     map[string]string `json:"fields"`
	URL        string            `json:"url"`
	Page       string            `json:"page"`
	Program    Program           `json:"program"`
	Text       string            `json:"text"`
	Format     string            `json:"format"`
	Timestamp  string            `json:"timestamp"`
	Nonce      string            `json:"nonce"`
	Message    string            `json:"message"`
	Encrypt    string            `json:"encrypt"`
	Body       string            `json:"body"`
	Apps       map[string]App    `json:"apps"`
	Reply      string            `json:"reply"`
}

// App is an app with its credentials.
type App struct {
	Kind   string `json:"kind"`
	AppID  string `json:"app_id"`
	Secret string `json:"secret"`
	Base   string `json:"base"`
	Token  string `json:"token"`
	AESKey string `json:"aes_key"`
}

// Program is the mini program that a template message opens.
type Program struct {
	AppID string `json:"app_id"`
	Page  string `json:"page"`
}

// Answer becomes a JSON object.
type Answer map[string]any

// Work does what a request describes.
type Work func(Request) (Answer, error)

// Serve does with this module what each request names, until there are no more. What goes
// wrong is answered as `error`.
func Serve(module string, work map[string]Work) error {
	work["identify"] = func(Request) (Answer, error) { return identify(module) }
	requests, answers := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	answers.SetEscapeHTML(false)
	for {
		line, err := requests.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := answer(work, line)
		if err != nil {
			answer = Answer{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

func answer(work map[string]Work, line []byte) (Answer, error) {
	var request Request
	if err := json.Unmarshal(line, &request); err != nil {
		return nil, err
	}
	do, known := work[request.Do]
	if !known {
		return nil, fmt.Errorf("this peer does not know how to %s", request.Do)
	}
	return do(request)
}

// identify tells who this is, with the version that was linked.
func identify(module string) (Answer, error) {
	build, _ := debug.ReadBuildInfo()
	for _, dependency := range build.Deps {
		if dependency.Path == module {
			return Answer{
				"peer":    name(module) + " " + strings.TrimPrefix(dependency.Version, "v"),
				"runtime": "Go " + strings.TrimPrefix(runtime.Version(), "go"),
			}, nil
		}
	}
	return nil, fmt.Errorf("%s is not linked", module)
}

// name is a module's without the host and the major version.
func name(module string) string {
	_, name, _ := strings.Cut(path.Dir(module), "/")
	return name
}
