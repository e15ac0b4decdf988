package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"moim.dev/moim/services/internal/problem"
)

// web is the built web client, in memory: it is small, and so each file can be sent compressed, with a tag that changes with it.
type web struct {
	files map[string]*file
	index *file
}

type file struct {
	plain, gzipped []byte // gzipped is nil where it saves nothing.
	contentType    string
	etag           string
	immutable      bool // Its name holds a hash of what is in it.
}

func loadWeb(dir string) (*web, error) {
	w := &web{files: map[string]*file{}}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		w.files["/"+name] = newFile(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load web client: %w", err)
	}
	w.index = w.files["/index.html"]
	if w.index == nil {
		return nil, fmt.Errorf("load web client: %s has no index.html", dir)
	}
	return w, nil
}

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	f := &file{
		plain: content, contentType: mime.TypeByExtension(path.Ext(name)),
		etag: `"` + hex.EncodeToString(sum[:8]) + `"`, immutable: strings.HasPrefix(name, "assets/"),
	}
	if f.contentType == "" {
		f.contentType = http.DetectContentType(content)
	}
	var buf bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression) // The level is valid.
	_, _ = zip.Write(content)                                 // A buffer takes everything.
	_ = zip.Close()
	if buf.Len() < len(content)*9/10 {
		f.gzipped = buf.Bytes()
	}
	return f
}

// serve answers with a file, or with the page for a path that the client itself routes.
func (w *web) serve(c *gin.Context) {
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		fail(c, problem.New(http.StatusMethodNotAllowed, "method_not_allowed", "%s cannot be used at %s", c.Request.Method, c.Request.URL.Path))
		return
	}
	f, ok := w.files[c.Request.URL.Path]
	if !ok {
		if strings.HasPrefix(c.Request.URL.Path, "/api/") || path.Ext(c.Request.URL.Path) != "" {
			fail(c, problem.NotFound(problem.CodeNotFound, "there is nothing at %s", c.Request.URL.Path))
			return
		}
		f = w.index
	}
	header := c.Writer.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("ETag", f.etag)
	header.Set("Vary", "Accept-Encoding")
	header.Set("Cache-Control", "no-cache")
	if f.immutable {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if c.GetHeader("If-None-Match") == f.etag {
		c.Status(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.gzipped != nil && strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		body = f.gzipped
	}
	header.Set("Content-Length", fmt.Sprint(len(body)))
	c.Status(http.StatusOK)
	if c.Request.Method == http.MethodGet {
		_, _ = c.Writer.Write(body) // The client may be gone.
	}
}
