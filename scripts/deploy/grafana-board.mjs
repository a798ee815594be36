/**
 * The Grafana board: prints grafana-board.json, which Grafana imports. Rows and panels stand here as data, since nobody
 * reads or changes a thousand lines of its JSON by hand; a test holds the file against this.
 *
 *   node scripts/deploy/grafana-board.mjs > scripts/deploy/grafana-board.json
 */
const job = 'instance=~"$instance"';
const datasource = { type: 'prometheus', uid: '${datasource}' };
const perInstance = '{{instance}}';

const rate = (name, labels = '') => `rate(${name}{${job}${labels}}[$__rate_interval])`;
const sum = (by, expression) => `sum by (${by}) (${expression})`;
const max = (by, expression) => `max by (${by}) (${expression})`;
const gauge = (name, labels = '') => `${name}{${job}${labels}}`;
/** A percentile out of a histogram's buckets. */
const percentile = (share, name, by = 'instance', labels = '') =>
  `histogram_quantile(${share}, ${sum(`${by}, le`, rate(`${name}_bucket`, labels))})`;

const requests = 'kvorum_http_request_seconds';
const reads = ', method=~"GET|HEAD"';
const writes = ', method=~"PUT|DELETE"';

/** `[expression, legend]` each. */
const rows = [
  {
    title: 'At a glance',
    panels: [
      stat('Nodes ready', 'short', [['sum(kvorum_ready)', 'ready']], 'Of those that Prometheus reaches'),
      stat(
        'Nodes not ready',
        'short',
        [['count(kvorum_ready == 0) or vector(0)', 'not ready']],
        'They say why at /readyz?verbose',
        {
          bad: 1,
        },
      ),
      stat(
        'Links down',
        'short',
        [['count(min by (instance, peer) (kvorum_peer_up) == 0) or vector(0)', 'down']],
        'Pairs of nodes that do not reach each other, each way',
        {
          bad: 1,
        },
      ),
      stat(
        'Requests a second',
        'reqps',
        [[`sum(${rate(`${requests}_count`)})`, 'all']],
        'Entity requests, refused ones too',
      ),
      stat(
        'Not answered',
        'percentunit',
        [[`sum(${rate(`${requests}_count`, ', status=~"5.."')}) / sum(${rate(`${requests}_count`)})`, 'share']],
        'Share of 503, 504, 507 and 500',
        { bad: 0.001 },
      ),
      stat(
        'Largest clock offset',
        's',
        [['max(abs(kvorum_clock_offset_seconds))', 'offset']],
        'Between any two nodes',
        { bad: 1 },
      ),
    ],
  },
  {
    title: 'Rate and latency',
    panels: [
      graph('Reads', 'reqps', [[sum('instance', rate(`${requests}_count`, reads)), perInstance]]),
      graph('Writes', 'reqps', [[sum('instance', rate(`${requests}_count`, writes)), perInstance]]),
      graph('Latency of reads', 's', [
        [percentile(0.5, requests, 'instance', reads), `${perInstance} p50`],
        [percentile(0.99, requests, 'instance', reads), `${perInstance} p99`],
        [percentile(0.999, requests, 'instance', reads), `${perInstance} p99.9`],
      ]),
      graph('Latency of writes', 's', [
        [percentile(0.5, requests, 'instance', writes), `${perInstance} p50`],
        [percentile(0.99, requests, 'instance', writes), `${perInstance} p99`],
        [percentile(0.999, requests, 'instance', writes), `${perInstance} p99.9`],
      ]),
    ],
  },
  {
    title: 'Errors',
    panels: [
      graph(
        'Answers that are none',
        'reqps',
        [[sum('instance, status', rate(`${requests}_count`, ', status=~"5.."')), `${perInstance} {{status}}`]],
        '503 refused before anything was done, 504 no quorum, 507 no room, 500 a worker died',
      ),
      graph(
        'Refused requests',
        'reqps',
        [
          [
            sum('instance, status', rate(`${requests}_count`, ', status=~"4..", status!="404"')),
            `${perInstance} {{status}}`,
          ],
        ],
        'What clients ask and the node does not understand; 404 is an answer',
      ),
      graph('Refused, by reason', 'ops', [
        [sum('instance, reason', rate('kvorum_operations_refused_total')), `${perInstance} {{reason}}`],
        [sum('instance', rate('kvorum_ranges_refused_total')), `${perInstance} ranges`],
      ]),
      graph('Refused from peers', 'ops', [
        [sum('instance, what', rate('kvorum_peer_refusals_total')), `${perInstance} {{what}}`],
      ]),
    ],
  },
  {
    title: 'Where requests wait',
    panels: [
      graph('Operations in flight', 'short', [
        [gauge('kvorum_operations_in_flight'), perInstance],
        [gauge('kvorum_operations_in_flight_limit'), `${perInstance} at most`],
      ]),
      graph('For a worker', 's', [
        [percentile(0.99, 'kvorum_pool_wait_seconds'), `${perInstance} waits, p99`],
        [percentile(0.99, 'kvorum_pool_run_seconds'), `${perInstance} runs, p99`],
      ]),
      graph('For a peer', 'bytes', [
        [sum('instance, peer', gauge('kvorum_peer_queued_bytes')), `${perInstance} to {{peer}}`],
      ]),
      graph(
        'For the log',
        's',
        [[percentile(0.99, 'kvorum_log_settle_seconds'), `${perInstance} p99`]],
        'From the merge of a run of writes until it is as durable as the durability says',
      ),
      graph(
        'Bodies and answers',
        'bytes',
        [
          [gauge('kvorum_body_bytes_in_flight'), `${perInstance} bodies`],
          [gauge('kvorum_answer_bytes_in_flight'), `${perInstance} answers`],
        ],
        'What clients have sent and not been answered, and what they have not taken',
      ),
      graph('Tasks that wait', 'short', [
        [gauge('kvorum_pool_queue_tasks'), `${perInstance} tasks`],
        [sum('instance', gauge('kvorum_frames_pending')), `${perInstance} frames wait for replicas`],
        [gauge('kvorum_bodies_in_flight'), `${perInstance} bodies on their way`],
        [gauge('kvorum_ranges_in_flight'), `${perInstance} ranges`],
      ]),
      graph('Client connections', 'short', [
        [gauge('kvorum_client_connections'), perInstance],
        [gauge('kvorum_client_connections_limit'), `${perInstance} at most`],
      ]),
      graph('Open files', 'short', [
        [gauge('process_open_fds'), perInstance],
        [gauge('process_max_fds'), `${perInstance} at most`],
      ]),
    ],
  },
  {
    title: 'Durability',
    panels: [
      graph('Sync of the log', 's', [
        [percentile(0.5, 'kvorum_log_sync_seconds'), `${perInstance} p50`],
        [percentile(0.99, 'kvorum_log_sync_seconds'), `${perInstance} p99`],
      ]),
      graph('Syncs and appended bytes', 'ops', [
        [sum('instance', rate('kvorum_log_syncs_total')), `${perInstance} syncs/s`],
        [sum('instance', rate('kvorum_log_bytes_total')), `${perInstance} B/s`],
      ]),
      graph('Writes in one append', 'short', [[percentile(0.5, 'kvorum_log_group_writes'), `${perInstance} p50`]]),
      graph('Log that is not in the store', 'bytes', [
        [max('instance', gauge('kvorum_memtable_bytes')), `${perInstance} fullest worker`],
        [gauge('kvorum_memtable_limit_bytes'), `${perInstance} at most`],
      ]),
      graph('Checkpoints', 's', [
        [percentile(0.99, 'kvorum_checkpoint_seconds'), `${perInstance} p99`],
        [max('instance', gauge('kvorum_checkpoint_age_seconds')), `${perInstance} age of the newest`],
      ]),
      graph(
        'Damage',
        'short',
        [
          [sum('instance', gauge('kvorum_store_corrupt_records_total')), `${perInstance} records`],
          [max('instance', gauge('kvorum_log_damaged')), `${perInstance} log`],
        ],
        'Each of them is repaired from the other replicas; the disk is not to be trusted',
      ),
    ],
  },
  {
    title: 'Replication',
    panels: [
      graph(
        'Peers that are up',
        'short',
        [['count by (instance) (min by (instance, peer) (kvorum_peer_up{instance=~"$instance"}) == 1)', perInstance]],
        'As seen by each node, by its worst worker',
      ),
      graph('Round trip to peers', 's', [
        [percentile(0.5, 'kvorum_peer_round_trip_seconds', 'instance, peer'), `${perInstance} to {{peer}} p50`],
        [percentile(0.99, 'kvorum_peer_round_trip_seconds', 'instance, peer'), `${perInstance} to {{peer}} p99`],
      ]),
      graph('Bytes between nodes', 'Bps', [
        [sum('instance, peer', rate('kvorum_peer_sent_bytes_total')), `${perInstance} to {{peer}}`],
        [sum('instance, peer', rate('kvorum_peer_received_bytes_total')), `${perInstance} from {{peer}}`],
      ]),
      graph('Operations in one batch', 'short', [
        [percentile(0.5, 'kvorum_peer_batch_operations'), `${perInstance} p50`],
      ]),
      graph('Connections lost', 'short', [
        [
          sum('instance, peer', `increase(kvorum_peer_failures_total{${job}}[$__rate_interval])`),
          `${perInstance} to {{peer}}`,
        ],
        [sum('instance', gauge('kvorum_peer_connections')), `${perInstance} open`],
      ]),
      graph(
        'Second rounds',
        'ops',
        [[sum('instance', rate('kvorum_second_rounds_total')), perInstance]],
        'Writes that something newer stood in the way of',
      ),
      graph('Stale reads and repairs', 'ops', [
        [sum('instance', rate('kvorum_stale_reads_total')), `${perInstance} stale reads`],
        [sum('instance', rate('kvorum_read_repairs_total')), `${perInstance} repairs`],
      ]),
      graph('Writes kept for nodes that are away', 'short', [
        [sum('instance, target', gauge('kvorum_hints')), `${perInstance} for {{target}}`],
      ]),
      graph('Kept writes, delivered and dropped', 'ops', [
        [sum('instance, target', rate('kvorum_hints_delivered_total')), `${perInstance} to {{target}}`],
        [sum('instance, reason', rate('kvorum_hints_dropped_total')), `${perInstance} dropped: {{reason}}`],
      ]),
      graph('Last known to hold the same', 's', [
        [max('instance, peer', gauge('kvorum_repair_identical_age_seconds')), `${perInstance} and {{peer}}, ago`],
      ]),
      graph('Anti-entropy', 'ops', [
        [sum('instance, peer', rate('kvorum_repair_pulled_records_total')), `${perInstance} records from {{peer}}`],
        [sum('instance, peer', rate('kvorum_repair_compared_buckets_total')), `${perInstance} buckets with {{peer}}`],
      ]),
      graph('Replies after the outcome', 'ops', [[sum('instance', rate('kvorum_late_replies_total')), perInstance]]),
    ],
  },
  {
    title: 'Clocks',
    panels: [
      graph("Peers' clocks against the node's", 's', [
        [gauge('kvorum_clock_offset_seconds'), `${perInstance}: {{peer}}`],
      ]),
      graph('Newest version ahead of the clock', 's', [[gauge('kvorum_clock_ahead_seconds'), perInstance]]),
      graph('Clock is wrong', 'short', [[gauge('kvorum_clock_skewed'), perInstance]], '1: the node takes no writes'),
      graph('State', 'short', [[`${gauge('kvorum_node_state')} == 1`, `${perInstance} {{state}}`]]),
    ],
  },
  {
    title: 'Disk',
    panels: [
      graph('Free', 'bytes', [[gauge('kvorum_disk_free_bytes'), perInstance]]),
      graph('Free, as a share', 'percentunit', [
        [`${gauge('kvorum_disk_free_bytes')} / ${gauge('kvorum_disk_bytes')}`, perInstance],
      ]),
      graph('Store and log', 'bytes', [
        [gauge('kvorum_store_bytes'), `${perInstance} store`],
        [gauge('kvorum_log_file_bytes'), `${perInstance} log`],
        [gauge('kvorum_data_directory_bytes'), `${perInstance} all files`],
      ]),
      graph('Records', 'short', [
        [max('instance', gauge('kvorum_store_records')), `${perInstance} in the store`],
        [sum('instance', gauge('kvorum_memtable_records')), `${perInstance} in the log alone`],
      ]),
    ],
  },
  {
    title: 'Threads and memory',
    panels: [
      graph('Event loop, busy', 'percentunit', [
        [
          `${rate('kvorum_event_loop_active_seconds_total')} / (${rate('kvorum_event_loop_active_seconds_total')} + ${rate('kvorum_event_loop_idle_seconds_total')})`,
          `${perInstance} {{thread}}`,
        ],
      ]),
      graph('Event loop, delay since the start', 's', [
        [gauge('kvorum_event_loop_delay_seconds', ', quantile="0.99"'), `${perInstance} {{thread}} p99`],
      ]),
      graph('Garbage collection', 'percentunit', [
        [sum('instance, thread', rate('kvorum_gc_seconds_total')), `${perInstance} {{thread}}`],
      ]),
      graph('CPU', 'short', [[rate('process_cpu_seconds_total'), `${perInstance} cores`]]),
      graph('Memory', 'bytes', [
        [gauge('process_resident_memory_bytes'), `${perInstance} resident`],
        [gauge('kvorum_heap_used_bytes'), `${perInstance} heap of the main thread`],
        [gauge('kvorum_external_bytes'), `${perInstance} buffers of the main thread`],
      ]),
      graph('Operations in one turn', 'short', [[percentile(0.5, 'kvorum_frame_operations'), `${perInstance} p50`]]),
    ],
  },
];

process.stdout.write(`${JSON.stringify(board(), null, 2)}\n`);

function board() {
  return {
    uid: 'kvorum',
    title: 'Kvorum',
    description: 'Nodes of a Kvorum cluster, scraped as the job "kvorum". docs/operating.md says what the alerts mean.',
    tags: ['kvorum'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        {
          name: 'instance',
          label: 'Node',
          type: 'query',
          datasource,
          query: 'label_values(kvorum_ready, instance)',
          refresh: 2,
          multi: true,
          includeAll: true,
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: placed(),
  };
}

/** Panels in the grid of 24 columns: six figures a line, or four graphs. */
function placed() {
  let id = 0;
  let y = 0;
  return rows.flatMap(({ title, panels }) => {
    const head = { id: ++id, type: 'row', title, collapsed: false, gridPos: { x: 0, y: y++, w: 24, h: 1 }, panels: [] };
    const isFigures = panels[0].type === 'stat';
    const [width, height] = isFigures ? [4, 4] : [panels.length % 3 === 0 ? 8 : 6, 8];
    const perLine = 24 / width;
    const inPlace = panels.map((panel, index) => {
      const gridPos = {
        x: (index % perLine) * width,
        y: y + Math.floor(index / perLine) * height,
        w: width,
        h: height,
      };
      return { id: ++id, ...panel, gridPos };
    });
    y += Math.ceil(panels.length / perLine) * height;
    return [head, ...inPlace];
  });
}

function targetsOf(expressions) {
  return expressions.map(([expr, legendFormat], index) => {
    return { refId: String.fromCodePoint(65 + index), datasource, expr, legendFormat };
  });
}

function graph(title, unit, expressions, description = '') {
  return {
    type: 'timeseries',
    title,
    description,
    datasource,
    fieldConfig: {
      defaults: { unit, min: 0, custom: { lineWidth: 1, fillOpacity: 0, showPoints: 'never' } },
      overrides: [
        {
          matcher: { id: 'byRegexp', options: '/at most$/' },
          properties: [{ id: 'custom.lineStyle', value: { fill: 'dash', dash: [6, 4] } }],
        },
      ],
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: targetsOf(expressions),
  };
}

/** `bad`: from where the figure is red. */
function stat(title, unit, expressions, description, { bad } = {}) {
  const steps = [{ color: 'green', value: null }, ...(bad === undefined ? [] : [{ color: 'red', value: bad }])];
  return {
    type: 'stat',
    title,
    description,
    datasource,
    fieldConfig: { defaults: { unit, thresholds: { mode: 'absolute', steps } }, overrides: [] },
    options: {
      colorMode: bad === undefined ? 'none' : 'value',
      graphMode: 'area',
      reduceOptions: { calcs: ['lastNotNull'] },
    },
    targets: targetsOf(expressions),
  };
}
