/**
 * The look of all reports: system fonts, one column, figures in tables that scroll by themselves on narrow screens. Colours
 * come from `palette.ts` as CSS variables, by the system's preference or by the page's own switch (`data-theme`).
 */
import { flameStylesheet } from './flame-style.ts';
import { variables } from './palette.ts';

export function stylesheet(): string {
  return `
:root{color-scheme:light;${variables('light')}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${variables('dark')}}}
:root[data-theme=dark]{color-scheme:dark;${variables('dark')}}
${layout}${tables}${charts}${verdicts}${comparisons}${flameStylesheet()}${print}`;
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
.note{max-width:none;border:2px solid var(--warn);background:var(--warn-ground);border-radius:8px;padding:8px 16px}
.note strong{color:var(--warn)}
.copyable{position:relative;margin:12px 0}
.copyable pre{margin:0;padding:12px 88px 12px 14px;background:var(--panel);border:1px solid var(--line);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere}
.copyable button{position:absolute;top:7px;right:7px;background:var(--page)}
@media (max-width:640px){.page-header,main{padding-left:14px;padding-right:14px}h2{margin-top:36px}}
`;

const tables = `
.table{overflow-x:auto;margin:12px 0}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;min-width:min(100%,560px)}
caption{text-align:left;color:var(--quiet);padding:0 0 6px;caption-side:top}
caption span{display:block;position:sticky;left:0;width:fit-content;max-width:min(100%,calc(100vw - 48px))}
th,td{padding:5px 12px;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}
thead th{border-bottom:2px solid var(--line);vertical-align:bottom}
tbody th{font-weight:500;min-width:7.5rem}
th.number,td.number{text-align:right}
td.number,tbody th{white-space:nowrap}
tbody th,td{overflow-wrap:break-word}
thead th{max-width:11em}
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
.chart{position:relative;margin-top:8px;border-radius:4px}
.chart canvas{display:block}
.uplot{font-family:inherit}
.u-cursor-x,.u-cursor-y{border-color:var(--quiet)!important}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:6px 8px;margin:6px 0 0 56px;padding:0;font-size:.8125rem}
.legend button{display:inline-flex;align-items:center;gap:6px;padding:2px 8px;font-size:inherit;white-space:normal;text-align:left;overflow-wrap:anywhere}
.legend button[aria-pressed]{background:none;border-color:transparent}
.legend button[aria-pressed]:hover{border-color:var(--line)}
.legend button[aria-pressed=false]{opacity:.6;text-decoration:line-through}
.legend svg{flex:none}
.legend output{font-variant-numeric:tabular-nums;color:var(--quiet);min-width:4.5em;text-align:right}
.legend .at{align-self:center;color:var(--quiet);min-width:7em;padding:2px 0}
.ramp{display:flex;align-items:center;gap:8px;margin:6px 0 0 64px;font-size:.8125rem;flex-wrap:wrap}
.ramp i{width:min(220px,40vw);height:12px;border-radius:3px;border:1px solid var(--line);print-color-adjust:exact;-webkit-print-color-adjust:exact}
.ramp output{color:var(--quiet)}
.bars{display:grid;grid-template-columns:fit-content(30%) minmax(90px,1fr) fit-content(40%);gap:6px 12px;align-items:center;margin:8px 0;font-size:.875rem}
.bars .track{position:relative;height:20px;background:var(--panel);border-radius:3px}
.bars .bar,.bars .track{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.bars .bar{position:absolute;inset:0 auto 0 0;border-radius:3px}
.bars .range{position:absolute;top:50%;transform:translateX(-1px);height:8px;margin-top:-4px;border:solid var(--text);border-width:0 2px;min-width:2px}
.bars .range::before{content:"";position:absolute;left:0;right:0;top:3px;border-top:2px solid var(--text)}
.bars .figure{text-align:right;font-variant-numeric:tabular-nums}
.bars .figure .quiet{display:block;font-size:.75rem}
.bars .group{grid-column:1/-1;font-weight:600;margin-top:8px}
.bars .name{overflow-wrap:anywhere}
.bars .part{position:absolute;top:0;bottom:0;border-right:1px solid var(--page)}
.bars .sections{position:relative;height:16px;font-size:.6875rem;line-height:16px;color:var(--quiet)}
.bars .sections span{position:absolute;height:100%;overflow:hidden;border-left:2px solid var(--text)}
.bars .sections span::before{content:"";display:inline-block;width:4px}
.thumbnail{display:block;margin:16px 0;font-size:.8125rem;text-decoration:none}
.thumbnail .boxes{position:relative;display:block;margin-top:4px;overflow:hidden;border-radius:3px}
.thumbnail i{position:absolute;height:5px;min-width:1px;border-right:1px solid var(--page);print-color-adjust:exact;-webkit-print-color-adjust:exact}
.keys{list-style:none;display:flex;flex-wrap:wrap;gap:4px 16px;margin:8px 0;padding:0;font-size:.8125rem}
.keys i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;vertical-align:-1px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
@media (max-width:640px){.legend{margin-left:0}.ramp{margin-left:0}.legend output{min-width:0}}
`;

/** Verdict and key figures of load runs. */
const verdicts = `
.verdicts{margin:20px 0 24px}
.verdict{border:1px solid var(--line);border-left:6px solid var(--tone);background:var(--ground);border-radius:8px;padding:10px 18px;margin:8px 0}
.verdict.held{--tone:var(--good);--ground:var(--good-ground)}
.verdict.missed{--tone:var(--warn);--ground:var(--warn-ground)}
.verdict.failed,.verdict.invalid{--tone:var(--bad);--ground:var(--bad-ground)}
.verdict.invalid{border-color:var(--bad)}
.verdict,.invalid-banner,.verdict-word,.rate-track,.rate-fill{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.verdict p{margin:4px 0;max-width:none}
.verdict .quiet{color:var(--text)}
.verdict-label{font-size:.875rem;overflow-wrap:anywhere}
.verdict-sentence{line-height:1.35;overflow-wrap:anywhere}
.verdict.main .verdict-sentence{font-size:1.7rem;font-weight:600}
.verdict-word{display:inline-block;font-weight:700;color:var(--tone);border:2px solid currentColor;border-radius:6px;padding:0 .4em;margin-right:.3em;white-space:nowrap}
.verdict.invalid .verdict-word{background:var(--bad);color:var(--page);border-color:var(--bad)}
.verdict .verdict-word.cut-short{color:var(--text);background:none;border:2px dashed currentColor}
.invalid-banner{position:sticky;top:0;z-index:10;max-width:none;margin:12px 0;padding:8px 16px;background:var(--bad);color:var(--page);border-radius:6px}
.rate-bar{margin:8px 0}
.rate-bar p{max-width:none}
.rate-track{position:relative;height:16px;margin:16px 0 10px;background:var(--panel);border:1px solid var(--line);border-radius:4px}
.rate-fill{height:100%;border-radius:3px}
.rate-fill.good{background:var(--good)}
.rate-fill.short{background:var(--bad)}
.rate-limit{position:absolute;top:-6px;bottom:-6px;width:2px;background:var(--text)}
.key-figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:12px;margin:20px 0}
.key-figures>div{background:var(--panel);border-radius:8px;padding:10px 14px}
.key-figures dt{font-size:.8125rem;color:var(--quiet)}
.key-figures dd{margin:0;font-size:1.3rem;font-weight:600;font-variant-numeric:tabular-nums}
.key-figures dd.quiet{font-size:.8125rem;font-weight:400}
@media (max-width:640px){.verdict.main .verdict-sentence{font-size:1.3rem}.key-figures{grid-template-columns:repeat(auto-fill,minmax(130px,1fr))}}
@media print{.invalid-banner{position:static}}
`;

/** Sentences of a comparison. */
const comparisons = `
.bought{margin:20px 0}
.bought,.note,figcaption,summary,main>section>ul{overflow-wrap:anywhere}
.bought article{background:var(--panel);border:1px solid var(--line);border-left:6px solid var(--link);border-radius:8px;padding:12px 20px;margin:12px 0}
.bought h2{border:0;padding:0;margin:0 0 6px}
.bought .lead{font-size:1.35rem;line-height:1.3;font-weight:600;max-width:none;margin:12px 0 4px}
.bought ul{margin:4px 0 8px;padding-left:20px}
.bought li{margin:4px 0;max-width:95ch}
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
