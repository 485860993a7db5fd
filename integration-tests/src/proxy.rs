//! A TCP proxy between two programs under test, which a test cuts, or through which nothing passes any more.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use socket2::SockRef;

/// Passes connections on to a server. Its threads end with their connections; dropping it cuts those.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    target: Option<SocketAddr>,
    held: bool,
    closed: bool,
    /// Both ends of every connection, those that have ended included: a test has few.
    sockets: Vec<TcpStream>,
    accepted: usize,
}

impl Proxy {
    /// Listens on 127.0.0.1; until [`Proxy::aim`] it closes what connects.
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// [`Proxy::new`] at this address of this machine.
    ///
    /// # Panics
    /// When it is not to be had.
    #[must_use]
    #[track_caller]
    pub fn at(addr: SocketAddr) -> Self {
        let listener = TcpListener::bind(addr).unwrap_or_else(|error| panic!("{addr} cannot be had: {error}"));
        let addr = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if its.lock().closed {
                    break;
                }
                pass(&its, client);
            }
        });
        Self { addr, shared }
    }

    /// Passes what connects from now on to `target`.
    pub fn aim(&self, target: SocketAddr) {
        self.shared.lock().target = Some(target);
    }

    /// Resets every connection that is open now.
    pub fn cut(&self) {
        for socket in self.shared.lock().sockets.drain(..) {
            // One that has ended needs no reset.
            let _ = SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// From now on nothing passes, in either direction: as if all packets were dropped. New connections come about, and
    /// nobody answers on them.
    pub fn hold(&self) {
        self.shared.lock().held = true;
    }

    /// Ends [`Proxy::hold`]; what was held passes.
    pub fn release(&self) {
        self.shared.lock().held = false;
        self.shared.changed.notify_all();
    }

    /// How many connections it has accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.lock().accepted
    }
}

impl Default for Proxy {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.release();
        self.cut();
        // Its thread looks up once more, and ends.
        let _ = TcpStream::connect(self.addr);
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// Waits until something may pass.
    fn may_pass(&self) {
        let state = self.lock();
        drop(self.changed.wait_while(state, |state| state.held).expect("nobody panics with it"));
    }
}

/// Passes one connection on, in threads of its own.
fn pass(shared: &Arc<Shared>, client: TcpStream) {
    let target = {
        let mut state = shared.lock();
        state.accepted += 1;
        state.sockets.extend(client.try_clone());
        state.target
    };
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        shared.may_pass();
        let Some(server) = target.and_then(|target| TcpStream::connect(target).ok()) else {
            let _ = client.shutdown(Shutdown::Both);
            return;
        };
        for socket in [&client, &server] {
            let _ = socket.set_nodelay(true);
        }
        let (Ok(client_again), Ok(server_again)) = (client.try_clone(), server.try_clone()) else { return };
        shared.lock().sockets.extend(server.try_clone());
        let its = Arc::clone(&shared);
        thread::spawn(move || copy(&its, client_again, server_again));
        copy(&shared, server, client);
    });
}

fn copy(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        shared.may_pass();
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
