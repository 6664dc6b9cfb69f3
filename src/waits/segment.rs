//! SIGSEGV: an address where nothing is mapped, or where the mapping does not permit what was done.

use super::verdict::{Access, Near, Side, Verdict};
use crate::model::Addr;
use crate::process::trace::Fault;
use crate::process::{Backing, Mapping, Mappings};

/// `SEGV_ACCERR`, sigaction(2): something is mapped there.
const SEGV_ACCERR: i32 = 2;
/// As far from address 0, a pointer was null and its offset was that of a field or an item. The kernel lets nobody map the first
/// 64 KiB (`vm.mmap_min_addr`).
const NULL_REACH: u64 = 64 << 10;
/// How far below the stack pointer a frame is touched, at most: compilers touch large ones page by page.
const BELOW_STACK_POINTER: u64 = 64 << 10;
/// A mapping farther away has nothing to do with an address.
const NEARBY: u64 = 1 << 30;

pub(super) fn explain(mappings: &Mappings, fault: &Fault, code: i32, address: Addr) -> Verdict {
    if address.0 < NULL_REACH || address.0.wrapping_neg() <= NULL_REACH {
        let access = access(fault, address);
        return Verdict::Null { address, access };
    }
    if has_overflowed(mappings, fault, address) {
        return Verdict::StackOverflow { address };
    }
    match mappings.find(address) {
        Some(mapping) if code == SEGV_ACCERR => forbidden(mapping, fault, address),
        _ => Verdict::Unmapped {
            address,
            access: access(fault, address),
            near: nearest(mappings, address),
        },
    }
}

fn access(fault: &Fault, address: Addr) -> Access {
    if address == fault.instruction {
        Access::Jumped
    } else {
        Access::Touched
    }
}

fn forbidden(mapping: &Mapping, fault: &Fault, address: Addr) -> Verdict {
    let permitted = mapping.protection;
    let mapping = name(mapping);
    if address == fault.instruction && !permitted.execute {
        Verdict::NotExecutable { address, mapping }
    } else if permitted.read && !permitted.write {
        Verdict::ReadOnly { address, mapping }
    } else {
        Verdict::Forbidden { address, mapping }
    }
}

/// Whether a thread has touched what lies below its stack: a guard page, or what the kernel keeps free below the main thread's stack or
/// would not make that longer by.
fn has_overflowed(mappings: &Mappings, fault: &Fault, address: Addr) -> bool {
    let at = mappings.find(address);
    let is_stack = |mapping: &&Mapping| {
        let kind = matches!(mapping.backing, Backing::Anonymous | Backing::Special(_));
        mapping.protection.write && !mapping.shared && kind
    };
    let is_reached = address >= fault.stack.minus(BELOW_STACK_POINTER);
    // Guard pages that are made with `MADV_GUARD_INSTALL`, as by glibc since 2.42, are not seen in the mappings.
    if let Some(stack) = at.filter(is_stack) {
        let is_near = address.0.abs_diff(fault.stack.0) < BELOW_STACK_POINTER;
        return is_near && is_reached && stack.contains(address);
    }
    let is_guard = at.is_none_or(|mapping| {
        let permitted = mapping.protection;
        !(permitted.read || permitted.write || permitted.execute)
    });
    let above = mappings.iter().find(|mapping| mapping.start > address);
    let Some(stack) = above.filter(is_stack) else {
        return false;
    };
    let points_elsewhere = mappings.find(fault.stack).is_some_and(|mapping| {
        at.is_none_or(|at| at.start != mapping.start) && mapping.start != stack.start
    });
    is_guard
        && is_reached
        && !points_elsewhere
        && fault.stack < stack.start.plus(BELOW_STACK_POINTER)
}

pub(super) fn name(mapping: &Mapping) -> String {
    match &mapping.backing {
        Backing::Anonymous => "memory without a name".to_string(),
        Backing::File { path, .. } => path.display().to_string(),
        Backing::Special(name) => name.clone(),
    }
}

fn nearest(mappings: &Mappings, address: Addr) -> Option<Near> {
    let below = mappings.iter().rfind(|mapping| mapping.end <= address);
    let above = mappings.iter().find(|mapping| mapping.start > address);
    let below = below.map(|mapping| (address.0 - mapping.end.0, Side::Behind, mapping));
    let above = above.map(|mapping| (mapping.start.0 - address.0, Side::Before, mapping));
    let (distance, side, mapping) = [below, above]
        .into_iter()
        .flatten()
        .min_by_key(|(distance, ..)| *distance)?;
    (distance < NEARBY).then(|| Near {
        mapping: name(mapping),
        distance,
        side,
    })
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;
    use crate::process::Protection;
    use crate::process::trace::Origin;

    fn mapping(start: u64, end: u64, permitted: &str, backing: Backing) -> Mapping {
        Mapping {
            start: Addr(start),
            end: Addr(end),
            protection: Protection {
                read: permitted.contains('r'),
                write: permitted.contains('w'),
                execute: permitted.contains('x'),
            },
            shared: false,
            backing,
        }
    }

    fn file(name: &str) -> Backing {
        Backing::File {
            path: name.into(),
            offset: 0,
            device: 1,
            inode: 1,
            deleted: false,
        }
    }

    /// A program, its heap, a thread's stack with its guard, the main thread's stack.
    fn mappings() -> Mappings {
        Mappings::new(vec![
            mapping(0x40_0000, 0x40_1000, "rx", file("/bin/program")),
            mapping(0x40_1000, 0x40_2000, "r", file("/bin/program")),
            mapping(
                0x50_0000,
                0x52_0000,
                "rw",
                Backing::Special("[heap]".into()),
            ),
            mapping(0x7000_0000, 0x7000_1000, "", Backing::Anonymous),
            mapping(0x7000_1000, 0x7080_1000, "rw", Backing::Anonymous),
            mapping(
                0x7f00_0000,
                0x7f80_0000,
                "rw",
                Backing::Special("[stack]".into()),
            ),
        ])
    }

    fn told(code: i32, address: u64, instruction: u64, stack: u64) -> Verdict {
        let address = Addr(address);
        let fault = Fault {
            signal: libc::SIGSEGV,
            origin: Origin::Kernel {
                code,
                address: Some(address),
            },
            instruction: Addr(instruction),
            stack: Addr(stack),
        };
        explain(&mappings(), &fault, code, address)
    }

    const CODE: u64 = 0x40_0100;
    const DEEP: u64 = 0x7f7f_0000;

    #[test]
    fn near_zero_it_is_a_null_pointer() {
        let null = |address, access| Verdict::Null {
            address: Addr(address),
            access,
        };
        assert_eq!(told(1, 0, CODE, DEEP), null(0, Access::Touched));
        assert_eq!(told(1, 0, 0, DEEP), null(0, Access::Jumped));
        assert_eq!(told(1, 0xffff, CODE, DEEP), null(0xffff, Access::Touched));
        assert!(!matches!(
            told(1, 0x1_0000, CODE, DEEP),
            Verdict::Null { .. }
        ));
        let before = told(1, u64::MAX - 7, CODE, DEEP);
        assert_eq!(
            before.to_string(),
            "it touched 0xfffffffffffffff8, a null pointer with an offset of -8 bytes"
        );
    }

    #[test]
    fn what_the_mapping_permits_tells_what_was_done() {
        let address = Addr(0x40_1010);
        let mapping = "/bin/program".to_string();
        assert_eq!(
            told(2, address.0, CODE, DEEP),
            Verdict::ReadOnly { address, mapping }
        );
        let address = Addr(0x50_0010);
        let mapping = "[heap]".to_string();
        assert_eq!(
            told(2, address.0, address.0, DEEP),
            Verdict::NotExecutable { address, mapping }
        );
        let address = Addr(0x7000_0010);
        let mapping = "memory without a name".to_string();
        assert_eq!(
            told(2, address.0, CODE, DEEP),
            Verdict::Forbidden { address, mapping }
        );
    }

    #[test]
    fn the_nearest_mapping_is_named() {
        let near = |address| match told(1, address, CODE, DEEP) {
            Verdict::Unmapped { near, .. } => near.map(|near| near.to_string()),
            other => panic!("{other:?}"),
        };
        assert_eq!(near(0x52_0010).as_deref(), Some("16 bytes behind [heap]"));
        assert_eq!(near(0x4f_ffff).as_deref(), Some("1 byte before [heap]"));
        assert_eq!(near(0x2000_0000_0000), None);
    }

    #[test]
    fn a_stack_has_overflowed_where_its_pointer_is_near() {
        let overflow = |address, stack| {
            let verdict = told(2, address, CODE, stack);
            matches!(verdict, Verdict::StackOverflow { .. })
        };
        // A call at the very end of a thread's stack, a large frame that reaches over its guard, a wild pointer into the guard.
        assert!(overflow(0x7000_0ff8, 0x7000_1000));
        assert!(overflow(0x7000_0800, 0x7000_0400));
        assert!(!overflow(0x7000_0ff8, 0x7040_0000));
        assert!(!overflow(0x7000_0ff8, DEEP));
        // The main thread's, which the kernel would not make longer.
        assert!(overflow(0x7eff_fff8, 0x7f00_0000));
        assert!(overflow(0x7eff_0000, 0x7efe_f000));
        assert!(!overflow(0x7eff_fff8, DEEP));
        assert!(!overflow(0x7ef0_0000, 0x7f00_0000));
        // A guard that the mappings do not show.
        assert!(overflow(0x7000_1ff8, 0x7000_2000));
        assert!(!overflow(0x4f_fff8, 0x7f00_0000));
    }
}
