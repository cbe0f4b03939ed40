//! The serving half of a WebSocket (RFC 6455), for packets: binary messages both ways, nothing else.
//!
//! The well-kept library holds a read buffer and a write buffer for each connection, and copies through both. A relay has many
//! thousand connections that are nearly all quiet; here a quiet one holds no buffer.

use std::future::poll_fn;
use std::io;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Semaphore;

use super::link::{LinkTask, received};
use super::queue::{Command, Queue};
use super::stream::Stream;
use super::{LinkEvent, MESSAGE_BYTES_MAX, UNHANDLED_BYTES_MAX, WRITE_BATCH_BYTES, WRITTEN_BYTES_MIN};

/// Bytes that are read at once, on the stack.
const READ_BYTES: usize = 16 << 10;

/// Bytes of a control frame's payload, by the standard.
const CONTROL_BYTES_MAX: usize = 125;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Why a link ends that the other side did not end.
const LOST: &str = "the connection was lost";
const NOT_THE_PROTOCOL: &str = "the other side does not keep to the WebSocket protocol";
const TOO_LONG: &str = "the other side sent more in one message than is allowed";
const TEXT_CAME: &str = "the other side sent text, which no coedit program does";

/// What a frame says.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Packet(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

/// Reads frames from bytes as they come.
#[derive(Debug, Default)]
struct Decoder {
    /// The beginning of a frame, until its header is whole.
    head: [u8; 14],
    n_head: usize,
    frame: Option<Frame>,
    /// The data of a message that is not whole, as far as it came.
    message: Vec<u8>,
    is_in_message: bool,
    control: Vec<u8>,
}

/// A frame whose header is known.
#[derive(Clone, Copy, Debug)]
struct Frame {
    is_final: bool,
    opcode: u8,
    mask: [u8; 4],
    n_bytes: usize,
    n_read: usize,
}

impl Decoder {
    /// Takes from the front of `input` until something was said or all is taken.
    fn take(&mut self, input: &mut &[u8]) -> Result<Option<Heard>, &'static str> {
        loop {
            let frame = match &mut self.frame {
                Some(frame) => frame,
                None => match self.take_head(input)? {
                    Some(frame) => self.frame.insert(frame),
                    None => return Ok(None),
                },
            };
            let n = input.len().min(frame.n_bytes - frame.n_read);
            let (piece, rest) = input.split_at(n);
            let target = if frame.opcode < CLOSE { &mut self.message } else { &mut self.control };
            let start = target.len();
            target.extend_from_slice(piece);
            unmask(&mut target[start..], frame.mask, frame.n_read);
            frame.n_read += n;
            *input = rest;
            if frame.n_read < frame.n_bytes {
                return Ok(None);
            }
            let done = *frame;
            self.frame = None;
            if let Some(heard) = self.finish(done) {
                return Ok(Some(heard));
            }
        }
    }

    fn take_head(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, &'static str> {
        while let Some((&byte, rest)) = input.split_first() {
            self.head[self.n_head] = byte;
            self.n_head += 1;
            *input = rest;
            if self.n_head < 2 || self.n_head < head_len(self.head[1]) {
                continue;
            }
            self.n_head = 0;
            return self.check(read_head(&self.head)).map(Some);
        }
        Ok(None)
    }

    /// Refuses what nobody should send, before any of its body is read.
    fn check(&mut self, frame: Frame) -> Result<Frame, &'static str> {
        let is_masked = self.head[1] & 0x80 != 0;
        let is_reserved = self.head[0] & 0x70 != 0;
        let is_control = CLOSE <= frame.opcode;
        let is_sound = match frame.opcode {
            CONTINUATION => self.is_in_message,
            TEXT | BINARY => !self.is_in_message,
            CLOSE | PING | PONG => frame.is_final && frame.n_bytes <= CONTROL_BYTES_MAX,
            _ => false,
        };
        if is_reserved || !is_masked || !is_sound {
            return Err(NOT_THE_PROTOCOL);
        }
        if frame.opcode == TEXT {
            return Err(TEXT_CAME);
        }
        if !is_control && MESSAGE_BYTES_MAX < self.message.len().saturating_add(frame.n_bytes) {
            return Err(TOO_LONG);
        }
        self.is_in_message |= !is_control;
        Ok(frame)
    }

    fn finish(&mut self, frame: Frame) -> Option<Heard> {
        match frame.opcode {
            CLOSE => {
                let code = self.control.first_chunk().map(|code| u16::from_be_bytes(*code));
                Some(Heard::Close(code))
            }
            PING => Some(Heard::Ping(mem::take(&mut self.control))),
            PONG => {
                self.control.clear();
                Some(Heard::Pong)
            }
            _ if frame.is_final => {
                self.is_in_message = false;
                Some(Heard::Packet(mem::take(&mut self.message)))
            }
            _ => None,
        }
    }
}

/// Returns how long a header is whose second byte is this.
fn head_len(second: u8) -> usize {
    let n_mask = if second & 0x80 == 0 { 0 } else { 4 };
    let n_length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + n_length + n_mask
}

fn read_head(head: &[u8; 14]) -> Frame {
    let len = head_len(head[1]);
    let (n_bytes, mask_at) = match head[1] & 0x7f {
        126 => (u64::from(u16::from_be_bytes([head[2], head[3]])), 4),
        127 => (u64::from_be_bytes(std::array::from_fn(|i| head[2 + i])), 10),
        short => (u64::from(short), 2),
    };
    let mask = if len == mask_at { [0; 4] } else { std::array::from_fn(|i| head[mask_at + i]) };
    let n_bytes = usize::try_from(n_bytes).unwrap_or(usize::MAX);
    Frame { is_final: head[0] & 0x80 != 0, opcode: head[0] & 0x0f, mask, n_bytes, n_read: 0 }
}

fn unmask(bytes: &mut [u8], mask: [u8; 4], at: usize) {
    let turned: [u8; 4] = std::array::from_fn(|i| mask[(at + i) % 4]);
    let mut chunks = bytes.chunks_exact_mut(4);
    for chunk in &mut chunks {
        chunk.iter_mut().zip(turned).for_each(|(byte, mask)| *byte ^= mask);
    }
    chunks.into_remainder().iter_mut().zip(turned).for_each(|(byte, mask)| *byte ^= mask);
}

/// Appends a whole message in one frame.
fn put_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(0x80 | opcode);
    match payload.len() {
        len @ 0..126 => out.push(len as u8),
        len @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// What is being written, and how far.
#[derive(Debug, Default)]
struct Out {
    bytes: Vec<u8>,
    n_written: usize,
    /// Bytes of packets in it.
    n_packet_bytes: usize,
    is_last: bool,
}

impl Out {
    /// Takes all that waits behind `first`, up to a batch.
    fn fill(&mut self, first: Command, queue: &Queue) {
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Packet(packet) => {
                    self.n_packet_bytes += packet.len();
                    put_frame(&mut self.bytes, BINARY, &packet);
                }
                Command::Close => {
                    self.is_last = true;
                    put_frame(&mut self.bytes, CLOSE, &[]);
                }
            }
            let is_full = self.is_last || WRITE_BATCH_BYTES <= self.n_packet_bytes;
            next = if is_full { None } else { queue.try_recv() };
        }
    }
}

/// What happened next.
enum Event {
    Command(Command),
    /// All of it is with the kernel.
    Written,
    /// Some bytes came, and were decoded; none are at the end.
    Read(usize),
    Failed(io::Error),
}

/// Carries a link until it is over; returns why it is. `early` is what came behind the handshake.
pub(super) async fn run(task: &LinkTask, mut stream: Stream, early: Vec<u8>) -> String {
    let shares = Arc::new(Semaphore::new(UNHANDLED_BYTES_MAX));
    let (mut decoder, mut out) = (Decoder::default(), Out::default());
    let mut came = early;
    let mut is_first = true;
    // With the kernel, and not told yet.
    let mut n_written = 0;
    loop {
        if !mem::take(&mut is_first) || came.is_empty() {
            match poll_fn(|context| poll(context, &mut stream, &task.queue, &mut out, &mut came)).await {
                Event::Command(command) => {
                    out.fill(command, &task.queue);
                    continue;
                }
                Event::Written => {
                    let done = mem::take(&mut out);
                    task.queue.written(done.n_packet_bytes);
                    n_written += done.n_packet_bytes;
                    if WRITTEN_BYTES_MIN <= n_written {
                        let _ = task.events.send(LinkEvent::Written(task.link_no, mem::take(&mut n_written)));
                    }
                    // Not the end yet: that comes from the other side, or by the deadline. Hanging up at once would let the kernel
                    // answer bytes that are still on their way with a reset, which can take our last packets with it.
                    out.is_last = done.is_last;
                    continue;
                }
                Event::Read(0) => return LOST.to_owned(),
                Event::Read(_) => {}
                Event::Failed(error) => return super::link::describe_io(&error),
            }
        }
        let bytes = mem::take(&mut came);
        let mut rest = &bytes[..];
        loop {
            match decoder.take(&mut rest) {
                Ok(None) => break,
                Ok(Some(Heard::Packet(bytes))) => {
                    let packet = received(bytes, &shares).await;
                    if task.events.send(LinkEvent::Packet(task.link_no, packet)).is_err() {
                        return "the program is ending".to_owned();
                    }
                }
                // Whoever asks faster than it reads gets fewer answers.
                Ok(Some(Heard::Ping(payload))) if !out.is_last && out.bytes.len() < WRITE_BATCH_BYTES => {
                    put_frame(&mut out.bytes, PONG, &payload);
                }
                Ok(Some(Heard::Ping(_) | Heard::Pong)) => {}
                Ok(Some(Heard::Close(code))) => {
                    let mut goodbye = Vec::new();
                    put_frame(&mut goodbye, CLOSE, &[]);
                    // It is over, whether that is heard or not.
                    let _ = poll_fn(|context| Pin::new(&mut stream).poll_write(context, &goodbye)).await;
                    let _ = poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await;
                    return super::link::describe_close(code);
                }
                Err(reason) => return reason.to_owned(),
            }
        }
    }
}

/// Writes what there is, else takes a command; and reads. What was read is in `came`.
fn poll(
    context: &mut Context<'_>,
    stream: &mut Stream,
    queue: &Queue,
    out: &mut Out,
    came: &mut Vec<u8>,
) -> Poll<Event> {
    while out.n_written < out.bytes.len() {
        match Pin::new(&mut *stream).poll_write(context, &out.bytes[out.n_written..]) {
            Poll::Ready(Ok(n)) => out.n_written += n,
            Poll::Ready(Err(error)) => return Poll::Ready(Event::Failed(error)),
            Poll::Pending => break,
        }
    }
    if !out.bytes.is_empty() && out.n_written == out.bytes.len() {
        match Pin::new(&mut *stream).poll_flush(context) {
            Poll::Ready(Ok(())) => return Poll::Ready(Event::Written),
            Poll::Ready(Err(error)) => return Poll::Ready(Event::Failed(error)),
            Poll::Pending => {}
        }
    }
    if out.bytes.is_empty()
        && !out.is_last
        && let Poll::Ready(command) = queue.poll_recv(context)
    {
        return Poll::Ready(Event::Command(command));
    }
    let mut buffer = [const { MaybeUninit::uninit() }; READ_BYTES];
    let mut read = ReadBuf::uninit(&mut buffer);
    match Pin::new(stream).poll_read(context, &mut read) {
        Poll::Ready(Ok(())) => {
            came.extend_from_slice(read.filled());
            Poll::Ready(Event::Read(read.filled().len()))
        }
        Poll::Ready(Err(error)) => Poll::Ready(Event::Failed(error)),
        Poll::Pending => Poll::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a frame as a client sends it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, 0, payload);
        bytes[0] = first;
        bytes[1] |= 0x80;
        let mask = [1, 2, 3, 250];
        let at = bytes.len() - payload.len();
        bytes.splice(at..at, mask);
        unmask(&mut bytes[at + 4..], mask, 0);
        bytes
    }

    fn decode(bytes: &[u8], n_at_once: usize) -> (Vec<Heard>, Option<&'static str>) {
        let (mut decoder, mut heard) = (Decoder::default(), Vec::new());
        for mut piece in bytes.chunks(n_at_once) {
            loop {
                match decoder.take(&mut piece) {
                    Ok(None) => break,
                    Ok(Some(what)) => heard.push(what),
                    Err(why) => return (heard, Some(why)),
                }
            }
        }
        (heard, None)
    }

    #[test]
    fn frames_are_read_however_they_are_cut() {
        let long = vec![9; 70_000];
        let bytes = [
            frame(0x82, b"one"),
            frame(0x82, b""),
            frame(0x02, b"fir"),
            frame(0x89, b"ping"),
            frame(0x00, b"st an"),
            frame(0x8a, b""),
            frame(0x80, b"d last"),
            frame(0x82, &[7; 300]),
            frame(0x82, &long),
            frame(0x88, &[0x03, 0xe8, b'x']),
        ]
        .concat();
        for n_at_once in [1, 2, 3, 7, 100, 4_096, bytes.len()] {
            let (heard, error) = decode(&bytes, n_at_once);
            let expected = [
                Heard::Packet(b"one".to_vec()),
                Heard::Packet(Vec::new()),
                Heard::Ping(b"ping".to_vec()),
                Heard::Pong,
                Heard::Packet(b"first and last".to_vec()),
                Heard::Packet(vec![7; 300]),
                Heard::Packet(long.clone()),
                Heard::Close(Some(1_000)),
            ];
            assert_eq!((heard.as_slice(), error), (&expected[..], None), "{n_at_once} at once");
        }
    }

    #[test]
    fn what_nobody_should_send_is_refused_before_its_body() {
        let unmasked = vec![0x82, 1, b'x'];
        let mut claims = frame(0x82, b"");
        claims.splice(1..2, [0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]);
        let cases = [
            (unmasked, NOT_THE_PROTOCOL),
            (frame(0xc2, b"x"), NOT_THE_PROTOCOL),
            (frame(0x80, b"goes on"), NOT_THE_PROTOCOL),
            ([frame(0x02, b"x"), frame(0x82, b"y")].concat(), NOT_THE_PROTOCOL),
            (frame(0x09, b"in parts"), NOT_THE_PROTOCOL),
            (frame(0x89, &[0; 126]), NOT_THE_PROTOCOL),
            (frame(0x83, b"x"), NOT_THE_PROTOCOL),
            (frame(0x81, b"text"), TEXT_CAME),
            (claims, TOO_LONG),
            (frame(0x82, &vec![0; MESSAGE_BYTES_MAX + 1])[..14].to_vec(), TOO_LONG),
            ([frame(0x02, &vec![0; MESSAGE_BYTES_MAX]), frame(0x80, b"x")].concat(), TOO_LONG),
        ];
        for (bytes, why) in cases {
            assert_eq!(decode(&bytes, 5), (Vec::new(), Some(why)), "{:?}", &bytes[..bytes.len().min(14)]);
        }
    }
}
