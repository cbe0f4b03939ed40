//! Links over loopback sockets. The other side is a bare WebSocket, so that each half is tested on its own; links with
//! links are tested with the server.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use super::connect::Network;
use super::dial::{DialError, LinkAddr, dial, dial_within};
use super::*;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

fn link_addr(port: u16) -> LinkAddr {
    LinkAddr { host: "127.0.0.1".into(), port, base_path: String::new(), doc_id: "doc".into(), tls: false }
}

/// A link, its events, and the bare socket at its other end.
async fn link() -> (LinkHandle, UnboundedReceiver<LinkEvent>, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = link_addr(listener.local_addr().expect("bound").port());
    let accept = async {
        let (stream, _) = listener.accept().await.expect("somebody dials");
        accept_async(stream).await.expect("a WebSocket")
    };
    let network = Arc::<Network>::default();
    let (dialed, other) = tokio::join!(dial(&network, &addr), accept);
    let (sender, events) = mpsc::unbounded_channel();
    (spawn(dialed.expect("somebody listens"), 7, sender), events, other)
}

async fn next(events: &mut UnboundedReceiver<LinkEvent>) -> LinkEvent {
    timeout(PATIENCE, events.recv()).await.expect("an event in time").expect("the link tells when it ends")
}

/// Runs one server that reads a request and answers `answer`, and dials it.
async fn dial_answered_with(answer: &'static str) -> DialError {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = link_addr(listener.local_addr().expect("bound").port());
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("somebody dials");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.expect("a request");
        stream.write_all(answer.as_bytes()).await.expect("an answer");
    };
    let network = Arc::<Network>::default();
    let (dialed, ()) = tokio::join!(dial(&network, &addr), serve);
    dialed.err().expect("no relay is there")
}

#[tokio::test]
async fn packets_go_out_in_order_and_are_counted_until_written() {
    let (link, mut events, mut other) = link().await;
    let packets = [Bytes::from_static(b"one"), Bytes::from_static(b""), Bytes::from(vec![3; 256 << 10])];
    packets.iter().for_each(|packet| link.send(packet.clone()));
    for packet in &packets {
        let message = timeout(PATIENCE, other.next()).await.expect("in time").expect("open").expect("sound");
        assert_eq!(message, Message::Binary(packet.clone()));
    }
    let mut n_written = 0;
    while n_written < 3 + (256 << 10) {
        match next(&mut events).await {
            LinkEvent::Written(7, n_bytes) => n_written += n_bytes,
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(n_written, 3 + (256 << 10));
    assert_eq!(link.queued_bytes(), 0);
}

#[tokio::test]
async fn a_peer_that_takes_nothing_keeps_the_bytes_in_the_count_and_can_be_closed() {
    let (link, mut events, _other) = link().await;
    let n_bytes = 64 << 20;
    for _ in 0..n_bytes / (256 << 10) {
        link.send(Bytes::from(vec![0; 256 << 10]));
    }
    link.close();
    let mut n_written = 0;
    let reason = loop {
        match next(&mut events).await {
            LinkEvent::Written(_, n_bytes) => n_written += n_bytes,
            LinkEvent::Closed(_, reason) => break reason,
            other => panic!("unexpected {other:?}"),
        }
    };
    assert_eq!(reason, "it was closed from this side");
    assert!(n_written < n_bytes, "the kernel does not take 64 MiB");
    assert_eq!(link.queued_bytes(), n_bytes - n_written);
}

#[tokio::test]
async fn reading_stops_while_packets_are_held_and_goes_on_when_they_are_dropped() {
    let (_link, mut events, mut other) = link().await;
    let n_packets = 40;
    let sender = tokio::spawn(async move {
        for _ in 0..n_packets {
            other.send(Message::Binary(vec![1; 256 << 10].into())).await.expect("open");
        }
        other
    });
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(next(&mut events).await);
    }
    let starved = timeout(Duration::from_millis(50), events.recv()).await;
    assert!(starved.is_err(), "a fourth packet would pass 1 MiB: {starved:?}");
    drop(held);
    for _ in 3..n_packets {
        assert!(matches!(next(&mut events).await, LinkEvent::Packet(7, bytes) if bytes.len() == 256 << 10));
    }
    drop(sender.await.expect("no panic"));
}

#[tokio::test]
async fn last_packets_arrive_before_a_close() {
    let (link, mut events, mut other) = link().await;
    link.send(Bytes::from_static(b"you may not"));
    drop(link);
    let first = timeout(PATIENCE, other.next()).await.expect("in time").expect("open").expect("sound");
    assert_eq!(first, Message::Binary(Bytes::from_static(b"you may not")));
    let second = timeout(PATIENCE, other.next()).await.expect("in time").expect("open").expect("sound");
    assert_eq!(second, Message::Close(None));
    assert!(other.next().await.is_none());
    drop(other);
    assert!(matches!(next(&mut events).await, LinkEvent::Written(7, 11)));
    assert!(matches!(next(&mut events).await, LinkEvent::Closed(7, _)));
    assert!(events.recv().await.is_none(), "nothing comes after the end");
}

#[tokio::test]
async fn the_end_of_a_link_is_told_once_and_with_its_reason() {
    let cases: [(Option<Message>, &str); 4] = [
        (Some(Message::Close(None)), "the other side closed the connection"),
        (Some(Message::Text("hello".into())), "the other side sent text, which no coedit program does"),
        (
            Some(Message::Binary(vec![0; MESSAGE_BYTES_MAX + 1].into())),
            "the other side sent more in one message than is allowed",
        ),
        (None, "the connection was lost"),
    ];
    for (last_message, expected) in cases {
        let (link, mut events, mut other) = link().await;
        if let Some(message) = last_message {
            // The link may hang up before all of it is written.
            let _ = other.send(message).await;
        }
        drop(other);
        match next(&mut events).await {
            LinkEvent::Closed(7, reason) => assert_eq!(reason, expected),
            other => panic!("unexpected {other:?}"),
        }
        link.send(Bytes::from_static(b"too late"));
        assert_eq!(link.queued_bytes(), 0);
        assert!(events.recv().await.is_none());
    }
}

#[tokio::test]
async fn dialing_a_closed_port_says_that_nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let error = dial(&Arc::default(), &link_addr(port)).await.err().expect("nothing listens");
    let expected = format!("nothing listens at 127.0.0.1:{port}; is the relay or the host still running?");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn dialing_what_is_no_relay_says_so() {
    let not_found = dial_answered_with("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(&not_found, DialError::NotRelay { status: 404, .. }), "{not_found:?}");
    assert!(not_found.to_string().ends_with(" answered with HTTP 404: it is not a coedit relay"));
    let page = dial_answered_with("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    assert!(matches!(page, DialError::NotRelay { status: 200, .. }), "{page:?}");
    let busy = dial_answered_with("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    assert!(matches!(busy, DialError::Busy { status: 503, .. }), "{busy:?}");
    let ssh = dial_answered_with("SSH-2.0-OpenSSH_9.9\r\n").await;
    assert!(matches!(ssh, DialError::NotHttp { .. }), "{ssh:?}");
    let silent = dial_answered_with("").await;
    assert!(matches!(silent, DialError::HungUp { .. }), "{silent:?}");
}

#[tokio::test]
async fn dialing_gives_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = link_addr(listener.local_addr().expect("bound").port());
    let error =
        dial_within(&Arc::default(), &addr, Duration::from_millis(50)).await.err().expect("nobody answers");
    assert!(matches!(error, DialError::Timeout { .. }), "{error:?}");
}
