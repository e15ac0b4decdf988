package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// WebSocket opcodes (RFC 6455, section 5.2).
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// scanner finds the STOMP frames in what a server sends: the content of WebSocket messages is one stream, in which a zero byte ends a
// frame. Bodies with zero bytes are not understood; those of a run have none.
type scanner struct {
	raw  []byte // Read and not yet scanned: the beginning of a WebSocket frame.
	part []byte // The beginning of a STOMP frame that began in an earlier WebSocket frame.
	pong func(payload []byte) error
}

// read reads once and calls frame for each STOMP frame that is complete then, without the zero byte. The bytes are valid during the call.
func (s *scanner) read(r io.Reader, buffer []byte, frame func([]byte) error) error {
	kept := copy(buffer, s.raw)
	if kept == len(buffer) {
		return errors.New("a WebSocket frame is larger than the buffer")
	}
	n, err := r.Read(buffer[kept:])
	if n == 0 {
		return err
	}
	rest, err := s.scan(buffer[:kept+n], frame)
	s.raw = append(s.raw[:0], rest...)
	return err
}

func (s *scanner) scan(b []byte, frame func([]byte) error) (rest []byte, err error) {
	for len(b) >= 2 {
		header, length := 2, int(b[1]&0x7f)
		if b[1]&0x80 != 0 {
			return nil, errors.New("the server masks its frames")
		}
		switch length {
		case 126:
			if header = 4; len(b) >= header {
				length = int(binary.BigEndian.Uint16(b[2:]))
			}
		case 127:
			if header = 10; len(b) >= header {
				length = int(min(binary.BigEndian.Uint64(b[2:]), math.MaxInt32)) // Larger than any buffer, which read says.
			}
		}
		if len(b) < header || len(b) < header+length {
			break
		}
		payload := b[header : header+length]
		switch op := b[0] & 0x0f; op {
		case opText, opBinary, opContinuation:
			err = s.stomp(payload, frame)
		case opPing:
			err = s.pong(payload)
		case opPong:
		case opClose:
			err = closed(payload)
		default:
			err = fmt.Errorf("the server sent a WebSocket frame of kind %d", op)
		}
		if err != nil {
			return nil, err
		}
		b = b[header+length:]
	}
	return b, nil
}

func (s *scanner) stomp(payload []byte, frame func([]byte) error) error {
	for {
		end := bytes.IndexByte(payload, 0)
		if end < 0 {
			break
		}
		f := payload[:end]
		if len(s.part) > 0 {
			s.part = append(s.part, f...)
			f = s.part
		}
		if err := frame(bytes.TrimLeft(f, "\r\n")); err != nil { // What is trimmed are heart-beats.
			return err
		}
		s.part, payload = s.part[:0], payload[end+1:]
	}
	if payload = bytes.TrimLeft(payload, "\r\n"); len(payload) > 0 || len(s.part) > 0 {
		s.part = append(s.part, payload...)
	}
	return nil
}

func closed(payload []byte) error {
	if len(payload) < 2 {
		return errors.New("the server closed the connection")
	}
	return fmt.Errorf("the server closed the connection: %d %s", binary.BigEndian.Uint16(payload), payload[2:])
}
