/** Opens the page. */

import { render } from 'preact';
import { Page } from './views/Page';
import './style.css';

const root = document.getElementById('page');
if (root !== null) render(<Page />, root);
