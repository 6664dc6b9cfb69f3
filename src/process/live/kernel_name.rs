//! What the kernel calls a process: 15 bytes of the name of the file that it executed, or what it has called itself since (`PR_SET_NAME`).

use super::proc_file;
use crate::model::{Pid, Tid};

/// The same of one of its threads; nothing if it has ended.
pub fn thread_name(pid: Pid, tid: Tid) -> Option<String> {
    let name = proc_file::read_line(format!("/proc/{pid}/task/{tid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&name).trim_end().to_string())
}

/// Empty if it has ended.
pub fn kernel_name(pid: Pid) -> String {
    let name = proc_file::read_line(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_string()
}
