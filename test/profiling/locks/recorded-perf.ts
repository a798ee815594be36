/**
 * What `perf script` printed of a node with two workers under PUTs (perf 6.1, Node 20.20, Linux 6.18), cut down: paths and
 * the middles of stacks are shortened, symbols and order are as they were.
 */
export const recordedPerf = `
node 500/506 [001] 13186.580550000: syscalls:sys_enter_futex: uaddr: 0x7fc86800e040, op: 0x00000000, val: 0x80005cfd, utime: 0x00000000, uaddr2: 0x7fc86800e060, val3: 0x00000000
	           8c043 __pthread_mutex_lock_full+0x3d3 (/usr/lib/x86_64-linux-gnu/libc.so.6)
	           85233 mdb_txn_begin+0x565 (/app/node_modules/@lmdb/lmdb-linux-x64/node.abi115.glibc.node)
	           586df EnvWrap::beginTxn+0x1c1 (/app/node_modules/@lmdb/lmdb-linux-x64/node.abi115.glibc.node)
	           60f85 Napi::InstanceWrap<EnvWrap>::InstanceMethodCallbackWrapper(napi_env__*, napi_callback_info__*)::{lambda()#1}::operator()+0x10d (/app/node_modules/@lmdb/lmdb-linux-x64/node.abi115.glibc.node)
	          b50bdf v8::internal::FunctionCallbackArguments::Call+0x12f (/usr/bin/node)
	    7fc7e4121b16 [unknown] (/tmp/perf-500.map)
	         14ac92c uv_run+0x20c (/usr/bin/node)
	          7bbbe6 node::SpinEventLoopInternal+0x156 (/usr/bin/node)
	          9bb106 node::worker::Worker::Run+0xe96 (/usr/bin/node)
	           891f5 start_thread+0x305 (/usr/lib/x86_64-linux-gnu/libc.so.6)

node 500/505 [001] 13186.581330000: syscalls:sys_enter_futex: uaddr: 0x7fc86800e040, op: 0x00000001, val: 0x00000001, utime: 0x00000000, uaddr2: 0x00000000, val3: 0x7fc830167660
	           8dbec __pthread_mutex_unlock_full+0x3dc (/usr/lib/x86_64-linux-gnu/libc.so.6)
	           88cd2 mdb_txn_commit+0x1195 (/app/node_modules/@lmdb/lmdb-linux-x64/node.abi115.glibc.node)
	          9bb106 node::worker::Worker::Run+0xe96 (/usr/bin/node)

node 500/505 [001] 13186.581343000:  syscalls:sys_exit_futex: 0x1
node 500/506 [001] 13186.583174500:  syscalls:sys_exit_futex: 0x0
node 500/501 [000] 13186.590000000: syscalls:sys_enter_futex: uaddr: 0x05ba3f50, op: 0x00000189, val: 0x00000000, utime: 0x00000000, uaddr2: 0x00000000, val3: 0xffffffff
	           85f16 __futex_abstimed_wait_common+0xc6 (/usr/lib/x86_64-linux-gnu/libc.so.6)

node 500/501 [000] 13186.790000000:  syscalls:sys_exit_futex: 0x0
node 500/501 [000] 13186.790100000: syscalls:sys_enter_futex: uaddr: 0x0810bf28, op: 0x00000080, val: 0x00000002, utime: 0x00000000, uaddr2: 0x00000000, val3: 0x00000000
	           8612b __GI___lll_lock_wait+0x2b (/usr/lib/x86_64-linux-gnu/libc.so.6)

node 500/500 [001] 13186.790150000: syscalls:sys_enter_futex: uaddr: 0x0810bf28, op: 0x00000081, val: 0x00000001, utime: 0x00000000, uaddr2: 0x00000000, val3: 0x00000000
	           86193 __GI___lll_lock_wake+0x13 (/usr/lib/x86_64-linux-gnu/libc.so.6)
	          84e0ff node::TaskQueue<v8::Task>::Push+0x6f (/usr/bin/node)
	          84bd11 node::NodePlatform::CallOnWorkerThread+0x41 (/usr/bin/node)
	          c494db v8::internal::OptimizingCompileDispatcher::QueueForOptimization+0x12b (/usr/bin/node)

node 500/500 [001] 13186.790160000:  syscalls:sys_exit_futex: 0x1
node 500/501 [000] 13186.790200000:  syscalls:sys_exit_futex: 0x0
node 500/501 [000] 13186.790300000: syscalls:sys_enter_futex: uaddr: 0x0810bf90, op: 0x00000081, val: 0x00000001, utime: 0x00000000, uaddr2: 0x00000000, val3: 0x00000000
	           86193 __GI___lll_lock_wake+0x13 (/usr/lib/x86_64-linux-gnu/libc.so.6)
	          84f31c node::(anonymous namespace)::PlatformWorkerThread+0xfc (/usr/bin/node)
	           891f5 start_thread+0x305 (/usr/lib/x86_64-linux-gnu/libc.so.6)

node 500/501 [000] 13186.790310000:  syscalls:sys_exit_futex: 0x1
node 500/500 [001] 13186.800000000: syscalls:sys_enter_futex: uaddr: 0x7fc800001230, op: 0x00000080, val: 0x00000002, utime: 0x00000000, uaddr2: 0x00000000, val3: 0x00000000
	           8612b __GI___lll_lock_wait+0x2b (/usr/lib/x86_64-linux-gnu/libc.so.6)
	          9a9aa1 node::worker::MessagePort::OnMessage+0xf1 (/usr/bin/node)
	         14a7b2c uv__async_io.part.0+0x14c (/usr/bin/node)
	         14bd0c4 uv__io_poll+0x3e4 (/usr/bin/node)
	         14ac92c uv_run+0x20c (/usr/bin/node)
	          8f5a6c node::NodeMainInstance::Run+0xdc (/usr/bin/node)

node 500/500 [001] 13186.800400000:  syscalls:sys_exit_futex: 0x0
node 500/507 [000] 13186.800500000:  syscalls:sys_exit_futex: 0x0
 node 500/0 [000] 13186.800600000: PERF_RECORD_LOST lost 3
node 500/505 [001] 13186.900000000: syscalls:sys_enter_futex: uaddr: 0x7fc86800e040, op: 0x00000000, val: 0x80005cfd, utime: 0x00000000, uaddr2: 0x7fc86800e060, val3: 0x00000000
	           8c043 __pthread_mutex_lock_full+0x3d3 (/usr/lib/x86_64-linux-gnu/libc.so.6)
	           85233 mdb_txn_begin+0x565 (/app/node_modules/@lmdb/lmdb-linux-x64/node.abi115.glibc.node)
`;
