package stomp

import "bytes"

// Decoder cuts a stream into frames, however it was divided on its way. It
// holds memory only while a frame has arrived in part.
type Decoder struct {
	Limits  Limits
	Version Version // to be set when CONNECTED has settled it

	input   []byte // of the caller, or pending
	pending []byte // a frame's beginning, owned
	need    int    // what len(pending) must reach; 0: until a NUL comes
	waiting bool   // pending can't be a whole frame yet
}

// Write gives the decoder what came next. The bytes belong to the decoder,
// which may change them, until Next has answered false.
func (d *Decoder) Write(b []byte) {
	if len(d.pending) == 0 {
		d.input = b
		return
	}
	if d.waiting {
		enough := d.need > 0 && len(d.pending)+len(b) >= d.need
		d.waiting = !enough && !(d.need == 0 && bytes.IndexByte(b, 0) >= 0)
	}
	d.pending = append(d.pending, b...)
	d.input = d.pending
}

// Next decodes the next whole frame into f, which is valid until the next call
// of Next or Write. It answers false when more is needed. After an error the
// decoder is of no more use.
func (d *Decoder) Next(f *Frame) (bool, error) {
	if !d.waiting {
		d.skipLines()
		if len(d.input) == 0 {
			d.reset()
			return false, nil
		}
		n, need, err := decode(f, d.input, d.Version, d.Limits)
		if err != nil {
			return false, err
		}
		if n > 0 {
			d.input = d.input[n:]
			return true, nil
		}
		d.need, d.waiting = need, true
		d.keep()
		return false, nil
	}
	if len(d.pending) > d.Limits.HeaderBytes+d.Limits.Body+1 {
		return false, ErrBodyLarge
	}
	d.input = nil
	return false, nil
}

// skipLines drops the line ends that may stand between frames, which are also
// the heart-beats.
func (d *Decoder) skipLines() {
	for len(d.input) > 0 && (d.input[0] == '\n' || d.input[0] == '\r') {
		d.input = d.input[1:]
	}
}

// keep saves the rest of the input, which is the caller's, until more comes.
func (d *Decoder) keep() {
	rest := make([]byte, len(d.input), max(2*len(d.input), d.need))
	copy(rest, d.input)
	d.pending, d.input = rest, nil
}

func (d *Decoder) reset() {
	d.input, d.pending, d.need, d.waiting = nil, nil, 0, false
}
