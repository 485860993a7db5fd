use super::*;

fn no_release() -> Released {
    Released::default()
}

#[test]
fn an_empty_lane_takes_any_one_entry_and_then_refuses() {
    let (handle, inbox) = link::<u8>(QueueLimits { lane_bytes: 100 }, 1);
    handle.try_push(Lane::Calls, 5_000, 1).expect("the lane is empty");
    assert!(matches!(handle.try_push(Lane::Calls, 1, 2), Err(Refused::Full(2))));
    handle.try_push(Lane::Messages, 60, 3).expect("messages have a lane of their own");
    assert!(matches!(handle.try_push(Lane::Messages, 60, 4), Err(Refused::Full(4))));

    let mut taken = VecDeque::new();
    inbox.exchange(&mut taken, no_release(), Waker::noop());
    assert_eq!(taken, [1, 3]);
    assert!(matches!(handle.try_push(Lane::Calls, 1, 5), Err(Refused::Full(5))), "taken is not yet sent");
    inbox.exchange(&mut taken, Released { calls: 5_000, messages: 0 }, Waker::noop());
    handle.try_push(Lane::Calls, 1, 6).expect("the large one has left");
}

#[test]
fn a_gone_link_gives_entries_back_and_drops_what_it_held() {
    let (handle, inbox) = link::<Arc<()>>(QueueLimits { lane_bytes: 100 }, 1);
    let entry = Arc::new(());
    handle.push(Arc::clone(&entry)).expect("the link is there");
    drop(inbox);
    assert_eq!(Arc::strong_count(&entry), 1);
    assert!(handle.push(entry).is_err());
    assert!(handle.is_gone());
}

#[test]
fn packet_ids_are_distinct() {
    let (handle, _inbox) = link::<u8>(QueueLimits { lane_bytes: 100 }, 7);
    assert_ne!(handle.packet(), handle.packet());
    assert_eq!(handle.packet().0 >> 32, 7);
}
