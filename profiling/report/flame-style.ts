/** The style sheet of flame graphs, after the common one of all reports. */
import { flameVariables } from './flame-colours.ts';

export function flameStylesheet(): string {
  return `
:root{${flameVariables('light')}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${flameVariables('dark')}}}
:root[data-theme=dark]{${flameVariables('dark')}}
${layout}`;
}

const layout = `
.flame{margin:16px 0}
.flame-controls{display:grid;gap:8px;font-size:.875rem}
.flame-row{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center}
.flame-row label{display:flex;gap:6px;align-items:center}
.flame-controls select,.flame-controls input[type=search]{font:inherit;color:var(--text);background:var(--page);border:1px solid var(--line);border-radius:6px;padding:4px 8px;max-width:100%;min-width:0}
.flame-controls input[type=search]{width:17em}
.flame-controls button:disabled{opacity:.5;cursor:default}
.flame-tabs{display:flex;flex-wrap:wrap;gap:4px;border-bottom:1px solid var(--line)}
.flame-tabs button{border:0;border-bottom:3px solid transparent;border-radius:0;background:none;padding:6px 12px}
.flame-tabs button[aria-selected=true]{border-bottom-color:var(--link);font-weight:600}
.flame-said{font-weight:600;min-height:1.5em}
.flame-legend{display:flex;flex-wrap:wrap;gap:4px}
.flame-legend[hidden]{display:none}
.flame-legend button{border-color:transparent;background:none;padding:2px 8px;font-size:.8125rem}
.flame-legend button[aria-pressed=true]{border-color:var(--text);background:var(--panel)}
.flame-swatch{display:inline-block;width:.85em;height:.85em;border-radius:2px;margin-right:6px;vertical-align:-1px;flex:none}
.flame-scale{display:flex;flex-wrap:wrap;gap:4px;align-items:center}
.flame-scale .flame-swatch{margin:0 2px 0 10px}
.flame-stage{position:relative;margin-top:10px}
.flame-stage canvas{display:block;width:100%;touch-action:pan-y}
.flame-tip{position:absolute;z-index:5;max-width:min(34rem,calc(100vw - 20px));width:max-content;pointer-events:none;display:grid;gap:2px;padding:8px 10px;font-size:.8125rem;line-height:1.4;overflow-wrap:anywhere;color:var(--text);background:var(--page);border:1px solid var(--quiet);border-radius:6px;box-shadow:0 2px 10px #0003}
.flame-tip[hidden]{display:none}
.flame-tip strong{font-size:.875rem}
.flame-spoken{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.flame-table table{width:100%}
.flame-function{border:0;background:none;padding:0;text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:16em}
.flame-function .quiet{display:block;font-weight:400;font-size:.8125rem}
.flame-function:hover{text-decoration:underline}
.flame-sort{border:0;background:none;padding:0;font-weight:inherit;text-decoration:underline dotted;text-underline-offset:3px}
th[aria-sort] .flame-sort{text-decoration:none}
th[aria-sort] .flame-sort::after{content:" \\2193"}
.flame-table td{white-space:nowrap}
.flame-table td .quiet{display:block;font-size:.8125rem}
@media (max-width:640px){.flame-row label{flex-wrap:wrap}.flame-controls input[type=search]{width:100%}.flame-tip{max-width:calc(100vw - 20px)}}
@media print{.flame-controls .flame-row,.flame-tabs{display:none}.flame-stage{break-inside:avoid}}
`;
