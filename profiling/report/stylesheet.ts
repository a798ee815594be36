/**
 * The look of all reports: system fonts, one column, figures in tables that scroll by themselves on narrow screens. Colours
 * come from `palette.ts` as CSS variables, by the system's preference or by the page's own switch (`data-theme`).
 */
import { variables } from './palette.ts';

export function stylesheet(): string {
  return `
:root{color-scheme:light;${variables('light')}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${variables('dark')}}}
:root[data-theme=dark]{color-scheme:dark;${variables('dark')}}
${layout}${tables}${charts}${print}`;
}

const layout = `
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
.page-header,main{max-width:1120px;margin:0 auto;padding:0 24px}
.page-header{display:flex;gap:16px;align-items:baseline;justify-content:space-between;padding-top:20px}
h1{font-size:1.05rem;font-weight:600;color:var(--quiet);margin:0;overflow-wrap:anywhere}
h2{font-size:1.35rem;line-height:1.25;margin:48px 0 8px;padding-top:16px;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:28px 0 4px}
p{margin:8px 0;max-width:75ch}
main{padding-bottom:64px}
a{color:var(--link)}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.875rem}
.quiet{color:var(--quiet)}
button{font:inherit;font-size:.875rem;color:var(--text);background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:4px 12px;cursor:pointer;white-space:nowrap}
button:hover{border-color:var(--quiet)}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}
.copyable{position:relative;margin:12px 0}
.copyable pre{margin:0;padding:12px 88px 12px 14px;background:var(--panel);border:1px solid var(--line);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere}
.copyable button{position:absolute;top:7px;right:7px;background:var(--page)}
@media (max-width:640px){.page-header,main{padding-left:14px;padding-right:14px}h2{margin-top:36px}}
`;

const tables = `
.table{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;min-width:min(100%,420px)}
caption{text-align:left;color:var(--quiet);padding:0 0 6px;caption-side:top}
th,td{padding:5px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}
thead th{border-bottom:2px solid var(--line);vertical-align:bottom}
tbody th{font-weight:500}
th.number,td.number{text-align:right;white-space:nowrap}
td.missing{color:var(--quiet)}
details{margin:10px 0}
summary{cursor:pointer;color:var(--link);font-size:.875rem;width:fit-content}
details .table{max-height:420px;overflow:auto}
details thead th{position:sticky;top:0;background:var(--page)}
`;

const charts = `
figure{margin:24px 0}
figcaption{font-weight:600;margin-bottom:2px}
figcaption .quiet{font-weight:400;font-size:.875rem;display:block}
.chart{position:relative;min-height:60px;margin-top:8px}
.chart canvas{display:block}
.uplot{font-family:inherit}
.u-cursor-x,.u-cursor-y{border-color:var(--quiet)!important}
`;

const print = `
@media print{
body{font-size:11pt}
main,.page-header{max-width:none;padding:0}
button,#theme-toggle{display:none!important}
figure,tr,.copyable{break-inside:avoid}
h2,h3{break-after:avoid}
details:not([open]){display:none}
details .table{max-height:none}
}
`;
