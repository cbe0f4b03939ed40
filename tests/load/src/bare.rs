//! The least that can be called a server: what comes in on one socket goes out on the others of its room. Nothing is stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

type Rooms = Arc<Mutex<HashMap<String, Vec<(u64, UnboundedSender<Message>)>>>>;

/// Serves for ever on a port that the first line of the output names.
pub fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let listener = socket.listen(4_096).expect("a port");
        println!("listening on http://{}", listener.local_addr().expect("an address"));
        let rooms = Rooms::default();
        for number in 0.. {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(carry(stream, number, Arc::clone(&rooms)));
        }
    });
}

async fn carry(stream: TcpStream, number: u64, rooms: Rooms) {
    stream.set_nodelay(true).expect("an option");
    let mut room = String::new();
    let note = |request: &Request, response: Response| {
        room = request.uri().path().to_owned();
        Ok(response)
    };
    let Ok(socket) = accept_hdr_async(stream, note).await else { return };
    let (mut sink, mut source) = socket.split();
    let (sender, mut queue) = unbounded_channel();
    rooms.lock().expect("no panic").entry(room.clone()).or_default().push((number, sender));
    tokio::spawn(async move {
        while let Some(message) = queue.recv().await {
            if sink.send(message).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message @ Message::Binary(_))) = source.next().await {
        let rooms = rooms.lock().expect("no panic");
        for (_, other) in rooms[&room].iter().filter(|(other, _)| *other != number) {
            let _ = other.send(message.clone());
        }
    }
    if let Some(others) = rooms.lock().expect("no panic").get_mut(&room) {
        others.retain(|(other, _)| *other != number);
    }
}
