//! The network: an Ethernet switch for the nodes of one lab.
//!
//! A node's network card is a connection to the switch's socket, one frame in a
//! packet. The switch hands every frame to all other nodes. A node whose queue
//! is full loses the frame, as on a real network.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType,
    accept_with, bind, listen, recv, send, shutdown, socket_with,
};

/// The file name of the switch's socket in the lab's directory.
pub const SWITCH_SOCKET: &str = "switch.sock";

/// The connections of all nodes that are on.
type Ports = Arc<Mutex<Vec<Arc<OwnedFd>>>>;

/// A running switch; ends when dropped.
pub struct Switch {
    socket: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Switch {
    /// Must be called before any node starts: nodes connect to the socket.
    pub fn start(lab: &Path) -> io::Result<Switch> {
        let socket = socket_with(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        bind(&socket, &SocketAddrUnix::new(lab.join(SWITCH_SOCKET))?)?;
        listen(&socket, 16)?;
        let socket = Arc::new(socket);
        let listener = Arc::clone(&socket);
        let thread = thread::spawn(move || accept_nodes(&listener));
        Ok(Switch {
            socket,
            thread: Some(thread),
        })
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // Wakes the thread in accept.
        let _ = shutdown(&*self.socket, Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Gives each node that connects a thread, which ends with the node.
fn accept_nodes(listener: &OwnedFd) {
    let ports = Ports::default();
    while let Ok(port) = accept_with(listener, SocketFlags::CLOEXEC) {
        let port = Arc::new(port);
        lock(&ports).push(Arc::clone(&port));
        let ports = Arc::clone(&ports);
        thread::spawn(move || forward(&port, &ports));
    }
}

fn forward(port: &Arc<OwnedFd>, ports: &Ports) {
    let mut frame = vec![0; 65536];
    while let Ok((length @ 1.., _)) = recv(&**port, &mut *frame, RecvFlags::empty()) {
        for other in lock(ports).iter().filter(|other| !Arc::ptr_eq(other, port)) {
            let _ = send(
                &**other,
                &frame[..length],
                SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
            );
        }
    }
    lock(ports).retain(|other| !Arc::ptr_eq(other, port));
}

fn lock(ports: &Ports) -> std::sync::MutexGuard<'_, Vec<Arc<OwnedFd>>> {
    ports.lock().unwrap_or_else(PoisonError::into_inner)
}
