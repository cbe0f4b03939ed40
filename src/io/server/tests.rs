//! The server over loopback: with the client of this program, with bare requests, and with garbage.

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::io::transport::connect::Network;
use crate::io::transport::dial::{DialError, LinkAddr, dial, dial_by};
use crate::io::transport::{LinkEvent, spawn};
use crate::sync::Via;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

const DOC: &str = "AbCdEfGhIjKlMnOpQrSt-w";

/// A server that runs until it is dropped, and the sockets that it hands on.
struct Running {
    addr: SocketAddr,
    sockets: UnboundedReceiver<Accepted>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn start(bounds: Bounds, desk: Desk) -> Running {
    let server =
        Server::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port").with_bounds(bounds);
    let addr = server.local_addr();
    let (on_socket, sockets) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.run(on_socket, desk, async move { drop(stopped.await) }));
    Running { addr, sockets, stop, task }
}

fn start_default() -> Running {
    start(Bounds::default(), Desk::default())
}

fn link_addr(addr: SocketAddr) -> LinkAddr {
    LinkAddr {
        host: addr.ip().to_string(),
        port: addr.port(),
        base_path: String::new(),
        doc_id: DOC.into(),
        tls: false,
    }
}

/// Sends bytes on a connection of its own; returns all that comes back before the server hangs up.
async fn ask(addr: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("the server listens");
    stream.write_all(request).await.expect("the server reads");
    let mut answer = Vec::new();
    // A reset also ends an answer: the server does not read on after a request that it refuses.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server hangs up");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(addr: SocketAddr, path: &str, headers: &str) -> String {
    ask(addr, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n").as_bytes())
        .await
}

async fn next(events: &mut UnboundedReceiver<LinkEvent>) -> LinkEvent {
    timeout(PATIENCE, events.recv()).await.expect("an event in time").expect("links live")
}

/// Returns the next packet of a link, without what is told of writing.
async fn next_packet(events: &mut UnboundedReceiver<LinkEvent>) -> Bytes {
    loop {
        match next(events).await {
            LinkEvent::Packet(_, packet) => return packet,
            LinkEvent::Written(..) => {}
            LinkEvent::Closed(_, reason) => panic!("closed: {reason}"),
        }
    }
}

#[tokio::test]
async fn packets_come_back_from_an_echo_through_server_and_client() {
    let mut server = start_default();
    let dialed = dial(&Arc::default(), &link_addr(server.addr)).await.expect("the server listens");
    let accepted = timeout(PATIENCE, server.sockets.recv()).await.expect("in time").expect("the server runs");
    assert_eq!(accepted.document.to_string(), DOC);
    assert!(accepted.peer.ip().is_loopback());
    let (here, mut here_events) = mpsc::unbounded_channel();
    let (there, mut there_events) = mpsc::unbounded_channel();
    let near = spawn(dialed, 1, here);
    let far = spawn(accepted.connection, 2, there);
    for n_bytes in [0, 1, 125, 16 << 10, (16 << 10) + 1, 100_000, 256 << 10] {
        let packet = Bytes::from(vec![b'x'; n_bytes]);
        near.send(packet.clone());
        far.send(next_packet(&mut there_events).await);
        assert_eq!(next_packet(&mut here_events).await, packet);
    }
    drop(near);
    while !matches!(next(&mut there_events).await, LinkEvent::Closed(2, _)) {}
    while !matches!(next(&mut here_events).await, LinkEvent::Closed(1, _)) {}
}

#[tokio::test]
async fn packets_come_back_over_plain_requests_too() {
    for via in [Via::EventStream, Via::LongPoll] {
        let mut server = start_default();
        let dialed =
            dial_by(&Arc::default(), &link_addr(server.addr), via, PATIENCE).await.expect("it listens");
        assert_eq!(dialed.via(), via);
        let accepted =
            timeout(PATIENCE, server.sockets.recv()).await.expect("in time").expect("the server runs");
        assert_eq!((accepted.document.to_string().as_str(), accepted.connection.via()), (DOC, via));
        let (here, mut here_events) = mpsc::unbounded_channel();
        let (there, mut there_events) = mpsc::unbounded_channel();
        let near = spawn(dialed, 1, here);
        let far = spawn(accepted.connection, 2, there);
        let packets = [0, 1, 100_000, 256 << 10, 3].map(|n_bytes| Bytes::from(vec![b'x'; n_bytes]));
        for packet in &packets {
            near.send(packet.clone());
        }
        for packet in &packets {
            let arrived = next_packet(&mut there_events).await;
            assert_eq!(arrived.len(), packet.len());
            far.send(arrived);
        }
        for packet in &packets {
            assert_eq!(&next_packet(&mut here_events).await, packet);
        }
        // All that was sent was seen, sooner or later.
        while 0 < far.queued_bytes() {
            next(&mut there_events).await;
        }
        drop(near);
        while !matches!(next(&mut there_events).await, LinkEvent::Closed(2, _)) {}
        while !matches!(next(&mut here_events).await, LinkEvent::Closed(1, _)) {}
    }
}

#[tokio::test]
async fn a_link_by_a_lower_way_ends_once_a_websocket_leads_there_and_that_is_remembered() {
    for via in [Via::EventStream, Via::LongPoll] {
        let mut server = start_default();
        let mut network = Network::default();
        network.ways.climb_after = Duration::from_millis(200);
        let (network, addr) = (Arc::new(network), link_addr(server.addr));
        let dialed = dial_by(&network, &addr, via, PATIENCE).await.expect("it listens");
        network.ways.led(&server.addr.to_string(), 1);
        let accepted = server.sockets.recv().await.expect("the server runs");
        let (sender, mut events) = mpsc::unbounded_channel();
        let _near = spawn(dialed, 1, sender);
        let (there, _there_events) = mpsc::unbounded_channel();
        let _far = spawn(accepted.connection, 2, there);
        let LinkEvent::Closed(1, reason) = next(&mut events).await else { panic!("another event") };
        assert_eq!(reason, "a better way to the server is open");
        let again = dial(&network, &addr).await.expect("it listens");
        assert_eq!(again.via(), Via::WebSocket);
    }
}

#[tokio::test]
async fn a_new_connection_tries_a_websocket_first_unless_it_would_carry_nothing() {
    let server = start_default();
    let (network, addr) = (Arc::new(Network::default()), link_addr(server.addr));
    let name = server.addr.to_string();
    network.ways.led(&name, 2);
    let dialed = dial(&network, &addr).await.expect("it listens");
    assert_eq!(dialed.via(), Via::WebSocket);
    network.ways.carried_nothing(&name, 0);
    let dialed = dial(&network, &addr).await.expect("it listens");
    assert_eq!(dialed.via(), Via::EventStream);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let bounds = Bounds { request_timeout: Duration::from_millis(50), ..Bounds::default() };
    let server = start(bounds, Desk::default());
    for path in ["up", "manage"] {
        let request = format!("POST /d/{DOC}/{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf");
        let answer = ask(server.addr, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
        let request = format!("POST /d/{DOC}/{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n");
        let answer = ask(server.addr, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_link_that_the_server_closes_gives_out_its_last_packets() {
    for via in [Via::EventStream, Via::LongPoll] {
        let mut server = start_default();
        let dialed =
            dial_by(&Arc::default(), &link_addr(server.addr), via, PATIENCE).await.expect("it listens");
        let accepted = server.sockets.recv().await.expect("the server runs");
        let (sender, mut events) = mpsc::unbounded_channel();
        let _near = spawn(dialed, 1, sender);
        let (there, _there_events) = mpsc::unbounded_channel();
        let far = spawn(accepted.connection, 2, there);
        far.send(Bytes::from_static(b"goodbye"));
        drop(far);
        assert_eq!(next_packet(&mut events).await, "goodbye", "{via:?}");
        while !matches!(next(&mut events).await, LinkEvent::Closed(1, _)) {}
    }
}

#[tokio::test]
async fn requests_that_name_no_link_or_come_from_a_page_are_refused() {
    let server = start_default();
    for path in ["events", "poll"] {
        let answer =
            get(server.addr, &format!("/d/{DOC}/{path}"), "coedit-link: AAAAAAAAAAAAAAAAAAAAAA\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 410 "), "{path}: {answer}");
        let answer = get(server.addr, &format!("/d/{DOC}/{path}"), "origin: https://example.org\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
    }
}

#[tokio::test]
async fn garbage_is_hung_up_on_and_harms_nobody() {
    let mut server = start_default();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        &b"SSH-2.0-OpenSSH_9.9\r\n\r\n"[..],
        &[0xff; 4096][..],
    ] {
        let answer = ask(server.addr, garbage).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    let endless = [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'a'; 64 << 10]].concat();
    let answer = ask(server.addr, &endless).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let _dialed = dial(&Arc::default(), &link_addr(server.addr)).await.expect("the server still serves");
    assert!(server.sockets.recv().await.is_some());
}

#[tokio::test]
async fn garbage_inside_a_websocket_ends_that_link_with_a_reason() {
    let mut server = start_default();
    let request = format!(
        "GET /d/{DOC} HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut stream = TcpStream::connect(server.addr).await.expect("the server listens");
    // In one write, so that bytes which come with the request are tested as well.
    stream.write_all(&[request.as_bytes(), &[0xff; 64]].concat()).await.expect("the server reads");
    let accepted = timeout(PATIENCE, server.sockets.recv()).await.expect("in time").expect("the server runs");
    let (sender, mut events) = mpsc::unbounded_channel();
    let _link = spawn(accepted.connection, 3, sender);
    match next(&mut events).await {
        LinkEvent::Closed(3, reason) => {
            assert_eq!(reason, "the other side does not keep to the WebSocket protocol")
        }
        other => panic!("unexpected {other:?}"),
    }
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server hangs up");
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    assert!(
        answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "the example of RFC 6455: {answer}"
    );
}

#[tokio::test]
async fn a_browser_is_told_how_to_join() {
    let server = start_default();
    let page = get(server.addr, &format!("/d/{DOC}"), "").await;
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(page.contains("This is a coedit document") && page.contains("coedit join"), "{page}");
    assert!(get(server.addr, "/d/a%2Fb", "").await.starts_with("HTTP/1.1 404 "));
    assert!(get(server.addr, &format!("/d/{}", "a".repeat(65)), "").await.starts_with("HTTP/1.1 404 "));
    assert!(get(server.addr, "/", "").await.starts_with("HTTP/1.1 404 "));
}

/// A desk that answers every question with its name.
fn desk(operator_token: Option<&str>) -> Desk {
    let (asks, mut asked) = mpsc::unbounded_channel::<desk::Ask>();
    tokio::spawn(async move {
        while let Some(ask) = asked.recv().await {
            let answer = match ask.question {
                desk::Question::Ready => desk::Answer::unavailable("the disk is full\n"),
                other => desk::Answer::text(format!("{other:?}\n")),
            };
            let _ = ask.reply.send(answer);
        }
    });
    Desk::new(asks, operator_token.map(str::to_owned))
}

#[tokio::test]
async fn probes_answer_what_the_program_says() {
    let server = start(Bounds::default(), desk(None));
    assert!(get(server.addr, "/healthz", "").await.starts_with("HTTP/1.1 200 "));
    let ready = get(server.addr, "/readyz", "").await;
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.ends_with("the disk is full\n"), "{ready}");
    let host = start_default();
    assert!(
        get(host.addr, "/metrics", "").await.starts_with("HTTP/1.1 401 "),
        "host: x is no name of this machine"
    );
}

#[tokio::test]
async fn metrics_and_status_are_for_the_operator() {
    let server = start(Bounds::default(), desk(Some("sesame")));
    for path in ["/metrics", "/operator/status"] {
        for wrong in ["", "authorization: Bearer sesam\r\n", "authorization: Basic sesame\r\n"] {
            let answer = get(server.addr, path, wrong).await;
            assert!(answer.starts_with("HTTP/1.1 401 "), "{path} {wrong}: {answer}");
        }
        let answer = get(server.addr, path, "authorization: Bearer sesame\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
    // Without a token: from this machine, by its own name, not through a proxy and not by a page in a browser.
    let open = start(Bounds::default(), desk(None));
    let from_here = |headers: &'static str| {
        let request = format!("GET /metrics HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
        async move { ask(open.addr, request.as_bytes()).await }
    };
    assert!(from_here("host: localhost:7878\r\n").await.ends_with("Metrics\n"));
    assert!(from_here("host: 127.0.0.1\r\n").await.ends_with("Metrics\n"));
    assert!(from_here("host: evil.example\r\n").await.starts_with("HTTP/1.1 401 "));
    assert!(
        from_here("host: localhost\r\nx-forwarded-for: 192.0.2.1\r\n").await.starts_with("HTTP/1.1 401 ")
    );
    assert!(from_here("host: localhost\r\norigin: http://localhost\r\n").await.starts_with("HTTP/1.1 401 "));
}

#[tokio::test]
async fn handshakes_that_are_not_ours_are_refused() {
    let mut server = start_default();
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let cases = [
        (format!("origin: https://example.org\r\nsec-websocket-version: 13\r\n{key}"), 403),
        (format!("sec-websocket-version: 8\r\n{key}"), 426),
        (key.to_owned(), 426),
        ("sec-websocket-version: 13\r\n".to_owned(), 400),
        ("sec-websocket-version: 13\r\nsec-websocket-key: c2hvcnQ=\r\n".to_owned(), 400),
    ];
    for (headers, status) in cases {
        let request = format!("connection: upgrade\r\nupgrade: websocket\r\n{headers}");
        let answer = get(server.addr, &format!("/d/{DOC}"), &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {answer}");
    }
    assert!(server.sockets.try_recv().is_err());
}

#[tokio::test]
async fn a_place_is_kept_by_a_websocket_and_free_when_it_ends() {
    let bounds = Bounds { n_loopback_max: 1, ..Bounds::default() };
    let mut server = start(bounds, Desk::default());
    let first = dial(&Arc::default(), &link_addr(server.addr)).await.expect("there is a place");
    let accepted = server.sockets.recv().await.expect("the server runs");
    let refused = dial(&Arc::default(), &link_addr(server.addr)).await.err();
    assert!(matches!(refused, Some(DialError::TooMany { .. })), "{refused:?}");
    let answer = get(server.addr, "/healthz", "").await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("try again later"), "{answer}");
    drop((first, accepted));
    let _second = dial(&Arc::default(), &link_addr(server.addr)).await.expect("the place is free");
}

#[tokio::test]
async fn a_request_that_never_comes_is_hung_up_on() {
    let bounds = Bounds { request_timeout: Duration::from_millis(50), ..Bounds::default() };
    let server = start(bounds, Desk::default());
    let _ = ask(server.addr, b"").await;
    let _ = ask(server.addr, b"GET / HTTP/1.1\r\nhost").await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let server = start_default();
    let error = Server::bind(server.addr).err().expect("the port is taken");
    let port = server.addr.port();
    let expected =
        format!("port {port} on 127.0.0.1 is in use by another program; stop it or choose another port");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn after_shutdown_the_port_is_free_and_open_links_live() {
    let mut server = start_default();
    let dialed = dial(&Arc::default(), &link_addr(server.addr)).await.expect("the server listens");
    let accepted = server.sockets.recv().await.expect("the server runs");
    server.stop.send(()).expect("the server runs");
    timeout(PATIENCE, server.task).await.expect("it stops in time").expect("no panic");
    let _again = Server::bind(server.addr).expect("the port is free at once, links or not");
    let (sender, mut events) = mpsc::unbounded_channel();
    let near = spawn(dialed, 1, sender.clone());
    let _far = spawn(accepted.connection, 2, sender);
    near.send(Bytes::from_static(b"still here"));
    assert_eq!(next_packet(&mut events).await, "still here");
}

#[tokio::test]
async fn tls_is_spoken_with_whoever_trusts_the_certificate_and_a_new_one_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key) = crate::io::tls::tests::write_pair(folder.path());
    let server = Server::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let server = server.with_tls(crate::io::tls::acceptor(&cert, &key).expect("a pair"));
    let addr = LinkAddr { tls: true, ..link_addr(server.local_addr()) };
    let (on_socket, mut sockets) = mpsc::unbounded_channel();
    let _running = tokio::spawn(server.run(on_socket, Desk::default(), std::future::pending()));
    let first = folder.path().join("first.pem");
    std::fs::copy(&cert, &first).expect("a copy");
    let trusting = Arc::new(Network::from_environment(Some(first.clone())));
    let dialed = dial(&trusting, &addr).await.expect("the certificate is trusted");
    let accepted = timeout(PATIENCE, sockets.recv()).await.expect("in time").expect("the server runs");
    let (sender, mut events) = mpsc::unbounded_channel();
    let near = spawn(dialed, 1, sender.clone());
    let _far = spawn(accepted.connection, 2, sender);
    near.send(Bytes::from(vec![7; 200_000]));
    assert_eq!(next_packet(&mut events).await.len(), 200_000);
    let stranger = dial(&Arc::new(Network::from_environment(None)), &addr).await.err();
    assert!(matches!(stranger, Some(DialError::Untrusted { .. })), "{stranger:?}");
    // Another certificate in the same files: those who trusted the first one do not trust this.
    crate::io::tls::tests::write_pair(folder.path());
    sleep(Duration::from_millis(1_100)).await;
    let after = dial(&Arc::new(Network::from_environment(Some(first))), &addr).await.err();
    assert!(matches!(after, Some(DialError::Untrusted { .. })), "{after:?}");
    dial(&Arc::new(Network::from_environment(Some(cert))), &addr).await.expect("the new one is shown");
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_way() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let at = proxy.local_addr().expect("bound");
    let mut server = start_default();
    let target = server.addr;
    let asked = tokio::spawn(async move {
        let (mut client, _) = proxy.accept().await.expect("somebody comes");
        let mut request = vec![0; 1_024];
        let n = client.read(&mut request).await.expect("a request");
        client.write_all(b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n").await.expect("open");
        let mut to = TcpStream::connect(target).await.expect("the server listens");
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut to).await });
        String::from_utf8_lossy(&request[..n]).into_owned()
    });
    let network = Arc::new(Network::through_proxy(&format!("http://me:pw@{at}")));
    let addr = LinkAddr { host: "relay.example".into(), port: 80, ..link_addr(server.addr) };
    let _dialed = dial(&network, &addr).await.expect("through the proxy");
    assert!(server.sockets.recv().await.is_some());
    let asked = asked.await.expect("no panic");
    assert!(asked.starts_with("CONNECT relay.example:80 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("proxy-authorization: Basic bWU6cHc="), "{asked}");
}
