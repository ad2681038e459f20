// Package peer answers each line of standard input, a request as JSON, with a line of JSON.
package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/sirupsen/logrus"
)

const module = "github.com/silenceper/wechat/v2"

// Request is what a client is asked for; each kind of work needs some of it.
type Request struct {
	Do         string            `json:"do"`
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

// Serve does what each request names, until there are no more. What goes wrong is answered
// as `error`.
func Serve(work map[string]Work) error {
	work["identify"] = identify
	// silenceper/wechat logs to standard output, which is for the answers.
	logrus.SetOutput(io.Discard)
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
		return nil, fmt.Errorf("%s does not know how to %s", module, request.Do)
	}
	return do(request)
}

// identify tells who this is, with the version that was linked.
func identify(Request) (Answer, error) {
	build, _ := debug.ReadBuildInfo()
	for _, dependency := range build.Deps {
		if dependency.Path == module {
			return Answer{
				"peer":    "silenceper/wechat " + strings.TrimPrefix(dependency.Version, "v"),
				"runtime": "Go " + strings.TrimPrefix(runtime.Version(), "go"),
			}, nil
		}
	}
	return nil, fmt.Errorf("%s is not linked", module)
}
