//! Which cores the process may run on.

use std::io;
use std::thread;

/// How many cores the process may use: what the affinity mask and the control group's quota leave,
/// at least 1.
pub fn cores_available() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Pins the calling thread to the core at this position, counted from 0, among those that it may
/// run on; positions beyond the last begin again at the first.
///
/// # Errors
///
/// `Unsupported` on systems that do not pin threads, else what the system said.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub fn pin_current_thread(position: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&core| allowed.is_set(core))
        .collect();
    let Some(&core) = position
        .checked_rem(cores.len())
        .and_then(|place| cores.get(place))
    else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let mut chosen = CpuSet::new();
    chosen.set(core);
    Ok(sched_setaffinity(None, &chosen)?)
}

/// Pins the calling thread to the core at this position: not possible on this system.
///
/// # Errors
///
/// Always `Unsupported`.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub fn pin_current_thread(_position: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    use rustix::thread::sched_getaffinity;

    #[test]
    fn a_pinned_thread_has_the_core_asked_for() {
        let before = sched_getaffinity(None).unwrap();
        let last = before.count() as usize - 1;
        // In a thread of its own, for the mask stays with the thread.
        let after = thread::spawn(move || {
            pin_current_thread(last).unwrap();
            sched_getaffinity(None).unwrap()
        })
        .join()
        .unwrap();
        assert_eq!(after.count(), 1);
        let highest = (0..rustix::thread::CpuSet::MAX_CPU)
            .rev()
            .find(|&core| before.is_set(core))
            .unwrap();
        assert!(after.is_set(highest));
    }

    #[test]
    fn positions_wrap_around() {
        thread::spawn(|| pin_current_thread(cores_available() * 1000).unwrap())
            .join()
            .unwrap();
    }
}
