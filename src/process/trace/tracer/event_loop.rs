//! What the tracing thread does all the time: it takes what the kernel tells, does what it is asked for, and waits for more.

use std::sync::mpsc::{Receiver, TryRecvError};

use super::follower::Follower;
use super::orders::Order;

/// Until nobody can ask for anything any more.
pub(super) fn run(mut follower: Follower, orders: &Receiver<Order>) {
    loop {
        follower.collect();
        match orders.try_recv() {
            Ok(order) => {
                order(&mut follower);
                continue;
            }
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {}
        }
        if follower.has_nobody() {
            match orders.recv() {
                Ok(order) => order(&mut follower),
                Err(_) => break,
            }
        } else {
            follower.wait_for_change();
        }
    }
    follower.release_all();
}
