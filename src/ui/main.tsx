/** The web page of a collector or a scraper. */

import { render } from 'preact';
import { App } from './App.js';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/views.css';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
